import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Dispatch
import Synchronization
import Testing

/// Where all names lead.
private final class Names: Sendable {
    private let state = Mutex<(addresses: [String], hangs: Bool)>(([], false))
    private let answer = DispatchSemaphore(value: 0)

    func lead(to addresses: [String]) { state.withLock { $0.addresses = addresses } }
    /// Who looks one up waits, and is never answered with an address.
    func hang() { state.withLock { $0 = ([], true) } }
    func answerAtLast() {
        state.withLock { $0.hangs = false }
        answer.signal()
    }

    func lookUp() -> [String] {
        if state.withLock({ $0.hangs }) { answer.wait() }
        return state.withLock { $0.addresses }
    }
}

extension RealZooKeeper {
    @Suite struct SessionTests {
        private static let session: Duration = .seconds(2)

        private func put(_ id: String, _ text: String) -> Write { .put(RecordKey(.task, id), Array(text.utf8)) }

        /// A server behind a wire that can be cut, and the store on it.
        private func withCuttable(
            _ body: (ZooKeeperStore, CuttableWire, ZooKeeperEnsemble) async throws -> Void
        ) async throws {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let wire = try CuttableWire(to: ensemble.servers[0].port)
                defer { wire.close() }
                let address = try ZooKeeperAddress("127.0.0.1:\(wire.port)/apus")
                try await withZooKeeper(address, timeout: Self.session, callTimeout: Self.session) { store in
                    try await body(store, wire, ensemble)
                }
            }
        }

        /// Commits until it is known that it is done.
        private func keepCommitting(_ batch: Batch, to store: ZooKeeperStore) async throws {
            try await until("the batch is stored") {
                do throws(StoreError) {
                    try await store.commit(batch)
                } catch {
                    guard case .unavailable = error else {
                        Issue.record("a lost connection was reported as \(error)")
                        return
                    }
                    throw error
                }
            }
        }

        @Test func `a batch repeated after lost connections is stored once, whole, and nothing else is`() async throws {
            try await withCuttable { store, wire, _ in
                let epoch = try await store.acquireEpoch()
                for round in 0..<24 {
                    let writes = (0..<20).map { put("T/\(round % 3)-\($0)", "\(round)") }
                    let gone = Write.delete(RecordKey(.task, "T/\((round + 1) % 3)-0"))
                    let batch = Batch(epoch: epoch, writes: writes + [gone])
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await keepCommitting(batch, to: store) }
                        // Somewhere before, in or after the commit.
                        for _ in 0..<(round * 7 % 60) { await Task.yield() }
                        wire.cut()
                        wire.heal()
                        try await group.waitForAll()
                    }
                    try await until("the session goes on") {
                        let changed = try await store.list(.task).filter { $0.bytes == Array("\(round)".utf8) }
                        guard changed.count == 20 else { throw Unfulfilled("\(changed.count) of 20 records changed") }
                    }
                }
                try await until("the session goes on") {
                    let ids = try await store.list(.task).map(\.key.id)
                    #expect(!ids.contains("T/0-0") && ids.count == 59)
                }
            }
        }

        @Test func `what a session lost by expiry is not its last: the store goes on with a new one`() async throws {
            try await withCuttable { store, wire, ensemble in
                let epoch = try await store.acquireEpoch()
                try await store.session.create("/mine", [], .ephemeral)
                let watch = Watch(store.session)
                #expect(try await store.session.exists("/mine", watch: watch) != nil)
                wire.cut()
                try await eventually("the cut is noticed") { store.session.status.phase == .connecting }
                await #expect(throws: StoreError.self) { try await store.commit(Batch(epoch: epoch, writes: [])) }
                // Who is not cut off sees it expire.
                try await withZooKeeper(ensemble.address("/apus")) { other in
                    try await eventually("it has expired") { try await other.session.exists("/mine") == nil }
                }
                wire.heal()
                await watch.wait()
                try await store.session.connected(within: .seconds(20))
                #expect(store.session.status.generation == 2)
                #expect(try await store.session.exists("/mine") == nil)
                try await store.commit(Batch(epoch: epoch, writes: [put("T/1", "after")]))
            }
        }

        @Test func `a server that is started again is found again, in the same session`() async throws {
            try await withCuttable { store, _, ensemble in
                let epoch = try await store.acquireEpoch()
                try await store.commit(Batch(epoch: epoch, writes: [put("T/1", "before")]))
                await ensemble.servers[0].kill9()
                try await eventually("it is missed") { store.session.status.phase == .connecting }
                try ensemble.servers[0].start()
                try await store.session.connected(within: .seconds(30))
                try await keepCommitting(Batch(epoch: epoch, writes: [put("T/2", "after")]), to: store)
                #expect(try await store.list(.task).map(\.key.id) == ["T/1", "T/2"])
                #expect(store.session.status.generation == 1)
            }
        }

        @Test func `servers that begin anew with empty disks are gone on with, in another session`() async throws {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                var settings = ZooKeeperSession.Settings(address: try ensemble.address("/apus"))
                (settings.timeout, settings.renewal) = (Self.session, .milliseconds(500))
                let store = ZooKeeperStore(ZooKeeperSession.open(settings), now: monotonic)
                try await store.open(within: .seconds(30))
                let epoch = try await store.acquireEpoch()
                for index in 0..<100 { try await store.commit(Batch(epoch: epoch, writes: [put("T/\(index)", "1")])) }
                let server = ensemble.servers[0]
                await server.kill9()
                try await eventually("it is missed") { store.session.status.phase == .connecting }
                try server.forget()
                try server.start()
                try await store.session.connected(within: .seconds(30))
                #expect(store.session.status.generation == 2)
                try await until("they hold nothing") {
                    let fence = try await store.session.exists("/epoch")
                    #expect(fence == nil)
                }
                await store.session.close()
            }
        }

        @Test func `a server is found where its name leads now, and while DNS hangs where it led, in the same session`()
            async throws
        {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let wire = try CuttableWire(to: ensemble.servers[0].port)
                defer { wire.close() }
                let names = Names()
                var settings = ZooKeeperSession.Settings(
                    address: try ZooKeeperAddress("zk.example.com:\(wire.port)/apus")
                )
                settings.lookUp = { _ in names.lookUp() }
                let session = ZooKeeperSession.open(settings)
                try await eventually("it is said that the name is not known") {
                    session.status.trouble.contains("is a name or an address that is known here")
                }
                // Nobody listens there.
                names.lead(to: ["127.0.0.9"])
                try await eventually("it is looked up again") { session.status.trouble.isEmpty }
                names.lead(to: ["127.0.0.1"])
                try await session.connected(within: .seconds(30))
                names.hang()
                defer { names.answerAtLast() }
                wire.cut()
                try await eventually("the cut is noticed") { session.status.phase == .connecting }
                wire.heal()
                try await session.connected(within: .seconds(30))
                #expect(session.status.generation == 1)
                await session.close()
            }
        }

        @Test func `no call waits for ever for a server that hangs`() async throws {
            try await withCuttable { store, _, ensemble in
                let epoch = try await store.acquireEpoch()
                ensemble.servers[0].pause()
                let began = ContinuousClock.now
                await #expect(throws: StoreError.self) { try await store.commit(Batch(epoch: epoch, writes: [])) }
                await #expect(throws: StoreError.self) { try await store.list(.task) }
                #expect(ContinuousClock.now - began < Self.session * 2)
                ensemble.servers[0].goOn()
                try await keepCommitting(Batch(epoch: epoch, writes: [put("T/1", "after")]), to: store)
            }
        }

        @Test func `that no server answers is said with the address`() async throws {
            let session = ZooKeeperSession.open(.init(address: try ZooKeeperAddress("127.0.0.1:1/apus")))
            let error = await #expect(throws: StoreError.self) {
                try await session.connected(within: .milliseconds(300))
            }
            #expect("\(String(describing: error))".contains("127.0.0.1:1"))
            await session.close()
            await #expect(throws: StoreError.self) { try await session.connected(within: .seconds(60)) }
        }

        @Test func `while servers come and go, nothing acknowledged is lost and a batch is never torn`() async throws {
            try await ZooKeeperEnsemble.with(3, jar: zooKeeperJar()) { ensemble in
                let patience = try #require(await ensemble.address().quorumPatience())
                #expect(patience.warning(session: .milliseconds(1_900)) != nil)
                #expect(patience.warning(session: .milliseconds(2_000)) == nil)
                try await withZooKeeper(try ensemble.address("/apus"), timeout: .seconds(4)) { store in
                    let epoch = try await store.acquireEpoch()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for round in 0..<600 {
                                let writes = (0..<5).map { put("T/\($0)", "\(round)") } + [put("T/round-\(round)", "")]
                                try await keepCommitting(Batch(epoch: epoch, writes: writes), to: store)
                            }
                        }
                        for _ in 0..<2 {
                            for server in ensemble.servers where await server.leads() {
                                await server.kill9()
                                try server.start()
                                try await server.serves()
                            }
                        }
                        try await group.waitForAll()
                    }
                    try await until("the session goes on") {
                        let records = try await store.list(.task)
                        #expect(records.count == 605)
                        #expect(records.filter { $0.bytes == Array("599".utf8) }.count == 5)
                    }
                }
            }
        }
    }
}
