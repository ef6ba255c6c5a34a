import ApusModel
import CZooKeeper
package import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One controller's connection to ZooKeeper: what its ephemeral nodes and watches live by.
///
/// It goes on when ZooKeeper has let the session expire: with a new one, a `generation` higher, in which the ephemeral
/// nodes and the watches of the one before are gone. While it is not connected every call fails at once. Paths are below
/// the chroot. Whoever opened it closes it.
package final class ZooKeeperSession: Sendable {
    package struct Settings: Sendable {
        package var address: ZooKeeperAddress
        /// Without one everybody who reaches the servers may read and write our nodes: for loopback only.
        package var credential: ZooKeeperCredential?
        /// How long a session lasts without a sign of us; the servers may grant another time.
        package var timeout: Duration = .seconds(10)
        /// After so long a call counts as not answered.
        package var callTimeout: Duration = .seconds(10)
        /// So long it is without a server before it is looked whether these take a new session.
        package var renewal: Duration = .seconds(30)
        /// The addresses to which a server's name leads; it may block for long.
        package var lookUp: @Sendable (ZooKeeperAddress.Server) -> [String] = { $0.lookedUp() }

        package init(address: ZooKeeperAddress) { self.address = address }
    }

    package struct Status: Hashable, Sendable {
        package enum Phase: Hashable, Sendable {
            case connecting
            case connected
            case closed
        }

        package var phase = Phase.connecting
        /// Rises with each session that ZooKeeper let expire.
        package var generation = 1
        /// What the servers granted; zero before the first connection.
        package var timeout = Duration.zero
        /// Why there is no connection, as far as it is known.
        package var trouble = ""
    }

    /// The client library's handle.
    ///
    /// proof: the library is the threaded one, whose calls may come from any thread; it is closed by one, after it was
    /// taken from the state under its lock.
    struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
        let number: Int
        /// Those that it was told of.
        var servers: String
    }

    struct State {
        var status = Status()
        var handle: Handle?
        var servers = KnownServers()
        /// Their names are looked up, now or after a pause.
        var isLookingUp = false
        /// It is looked whether the servers take a new session, now or after a pause.
        var isRenewing = false
        var lastNumber = 0
        /// The calls under way, with what ends those that take too long.
        var calls: [Int: (deadline: ContinuousClock.Instant, end: @Sendable (_ reason: String) -> Void)] = [:]
        var listeners: [Int: AsyncStream<Status>.Continuation] = [:]

        mutating func nextNumber() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    /// So many calls may be under way; more are refused.
    static let mostCalls = 1_000
    private static let pause: Duration = .seconds(1)
    /// How often the library is handed the credential, and the pause between, in microseconds: ten seconds in all.
    private static let mostTries = 2_000
    private static let tryPause: UInt32 = 5_000
    /// After so long nobody waits for the library any more, which takes 3 s at most to tell a server that it ends.
    private static let longestClose = DispatchTimeInterval.seconds(5)
    /// How exactly the ends of calls are kept.
    private static let sweep = DispatchTimeInterval.milliseconds(200)

    package let settings: Settings
    let state = Mutex(State())
    /// Makes and closes handles: both may take long, and closing from the library's own threads would never end.
    let queue: DispatchQueue
    /// Looks names up, which may take long as well.
    let names = DispatchQueue(label: "apus.zookeeper.names")

    private init(_ settings: Settings, _ queue: DispatchQueue) { (self.settings, self.queue) = (settings, queue) }

    /// Begins to connect; returns before it is connected.
    ///
    /// The library is told to begin and to end on a queue that nobody else needs: it may wait there for long.
    package static func open(
        _ settings: Settings,
        on queue: DispatchQueue = DispatchQueue(label: "apus.zookeeper")
    ) -> ZooKeeperSession {
        let session = ZooKeeperSession(settings, queue)
        session.lookUpServers()
        session.endLateCalls()
        return session
    }

    package var status: Status { state.withLock { $0.status } }

    /// The status now, and each later one; of several that nobody took only the last.
    package func statuses() -> AsyncStream<Status> {
        let (stream, continuation) = AsyncStream.makeStream(of: Status.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            let number = state.nextNumber()
            continuation.yield(state.status)
            if state.status.phase == .closed { continuation.finish() } else { state.listeners[number] = continuation }
            return number
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// Waits until it is connected.
    ///
    /// - Throws: `unavailable` if it is not within that time, or was closed.
    package func connected(within limit: Duration) async throws(StoreError) {
        let reached = await withTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in
                for await status in statuses() where status.phase == .connected { return true }
                return false
            }
            group.addTask {
                // try?: cancelled means that the other one was first.
                try? await Task.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        guard reached else {
            let trouble = status.trouble
            throw .unavailable(
                reason: "no ZooKeeper server of \(settings.address) has answered within \(limit.milliseconds) ms"
                    + (trouble.isEmpty ? "" : " (\(trouble))")
            )
        }
    }

    /// Gives the session up: its ephemeral nodes vanish at once if a server can be reached, and calls under way fail.
    ///
    /// It returns after 5 s at most, whatever the library waits for.
    package func close() async {
        let listeners = state.withLock { state in
            defer { state.listeners = [:] }
            state.status.phase = .closed
            for listener in state.listeners.values { listener.yield(state.status) }
            return Array(state.listeners.values)
        }
        let isOver = Once<Void>()
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                closeHandle()
                if isOver.happen(()) { continuation.resume() }
            }
            // The library waits for its own threads, and those wait for a name server as long as it likes.
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.longestClose) {
                if isOver.happen(()) { continuation.resume() }
            }
        }
        // The library may drop what it has not answered by then.
        for call in state.withLock({ $0.calls.values.map(\.end) }) { call("the session was closed") }
        Watch.fireAll(of: self)
        for listener in listeners { listener.finish() }
    }
}

// MARK: the handle, on the queue

/// Whose each handle is: the library knows only its number.
private let owners = Mutex<(last: Int, sessions: [Int: ZooKeeperSession])>((0, [:]))

private let onSession: watcher_fn = { handle, type, state, _, context in
    let number = Int(bitPattern: context)
    guard type == ZOO_SESSION_EVENT, let session = owners.withLock({ $0.sessions[number] }) else { return }
    session.heard(state, of: number, timeout: .milliseconds(Int(zoo_recv_timeout(handle))))
}

/// What the library has to say is in the session's status and in the outcome of calls.
let onLog: log_callback_fn = { _ in }

extension ZooKeeperSession {
    func connect() {
        guard state.withLock({ $0.status.phase != .closed && $0.handle == nil }) else { return }
        let (address, servers) = (settings.address, serverList)
        let unknown = "none of \(address) is a name or an address that is known here"
        // They are looked up again.
        guard !servers.isEmpty else { return change { $0.trouble = unknown } }
        change { if $0.trouble == unknown { $0.trouble = "" } }
        let number = owners.withLock { owners in
            owners.last += 1
            owners.sessions[owners.last] = self
            return owners.last
        }
        zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR)
        let timeout = Int32(clamping: settings.timeout.milliseconds)
        let context = UnsafeMutableRawPointer(bitPattern: number)
        guard
            let pointer = zookeeper_init2(
                servers,
                onSession,
                timeout,
                nil,
                context,
                ZOO_NO_LOG_CLIENTENV,
                onLog
            )
        else { return connectAgain(instead: number, because: "the client library does not begin") }
        // Addresses lead where they led.
        zoo_set_servers_resolution_delay(pointer, -1)
        if let digest = settings.credential?.digest, !Self.authenticate(pointer, by: digest) {
            zookeeper_close(pointer)
            return connectAgain(instead: number, because: "the client library does not take the credential")
        }
        state.withLock { $0.handle = Handle(pointer: pointer, number: number, servers: servers) }
    }

    private func connectAgain(instead number: Int, because trouble: String) {
        owners.withLock { $0.sessions[number] = nil }
        change { ($0.phase, $0.trouble) = (.connecting, trouble) }
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(Self.pause.milliseconds))) { [self] in connect() }
    }

    /// Before any call: the library takes no credential between two attempts to connect, and would go on without one.
    ///
    /// - Returns: whether it has taken it.
    private static func authenticate(_ pointer: OpaquePointer, by digest: String) -> Bool {
        for _ in 0..<mostTries {
            let outcome = zoo_add_auth(pointer, "digest", digest, Int32(digest.utf8.count), nil, nil)
            if outcome == ZOK.rawValue { return true }
            usleep(tryPause)
        }
        return false
    }

    /// Closes the handle; its calls under way fail, and nothing of it is heard any more.
    private func closeHandle() {
        let handle = state.withLock { state in
            defer { state.handle = nil }
            return state.handle
        }
        guard let handle else { return }
        owners.withLock { $0.sessions[handle.number] = nil }
        zookeeper_close(handle.pointer)
    }

    func change(_ change: (inout Status) -> Void) {
        state.withLock { state in
            guard state.status.phase != .closed else { return }
            change(&state.status)
            for listener in state.listeners.values { listener.yield(state.status) }
        }
    }

    /// On the library's thread.
    fileprivate func heard(_ event: Int32, of number: Int, timeout: Duration) {
        switch event {
        case ZOO_CONNECTED_STATE:
            change { status in
                (status.phase, status.timeout, status.trouble) = (.connected, timeout, "")
            }
        case ZOO_EXPIRED_SESSION_STATE:
            // At once: nobody may take the next session for this one.
            change { status in
                (status.phase, status.trouble) = (.connecting, "the session has expired")
                status.generation += 1
            }
            reconnect(number)
        case ZOO_AUTH_FAILED_STATE:
            change { status in
                (status.phase, status.trouble) = (.connecting, "the credential was refused")
                status.generation += 1
            }
            reconnect(number, after: Self.pause)
        default:
            change { status in
                (status.phase, status.trouble) = (.connecting, "no server answers")
            }
            // One may have been found since that was not known when this connection began.
            queue.async { [self] in useServers() }
            lookUpServers()
            renewLater()
        }
    }

    func reconnect(_ number: Int, after pause: Duration = .zero) {
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(pause.milliseconds))) { [self] in
            guard state.withLock({ $0.handle?.number == number }) else { return }
            closeHandle()
            // The library fires them only of a session that has expired.
            Watch.fireAll(of: self)
            connect()
        }
    }

    /// Again and again until the session is closed: a server that answers signs of life may still not answer a call.
    private func endLateCalls() {
        let now = ContinuousClock.now
        let (late, isClosed) = state.withLock { state in
            (state.calls.values.filter { $0.deadline <= now }.map(\.end), state.status.phase == .closed)
        }
        for end in late { end("no answer within \(settings.callTimeout.milliseconds) ms") }
        guard !isClosed else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.sweep) { [weak self] in self?.endLateCalls() }
    }
}
