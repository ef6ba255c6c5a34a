package import ApusStore
import Foundation
import Synchronization

/// Real ZooKeeper servers on ports of this machine, one or three, each a process with a folder of its own.
package final class ZooKeeperEnsemble: Sendable {
    package let servers: [ZooKeeperServer]
    private let folder: String

    /// Starts that many servers, runs `body` once they serve, and ends them however it ends.
    ///
    /// `jar` is Debian's `zookeeper.jar`, which names what else it needs.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, or `Unfulfilled` if the servers do not serve.
    package static func with<Value>(
        _ count: Int = 1,
        jar: String,
        _ body: (ZooKeeperEnsemble) async throws -> Value
    ) async throws -> Value {
        let ensemble = try ZooKeeperEnsemble(count, jar: jar)
        let result: Result<Value, any Error>
        do {
            for server in ensemble.servers { try server.start() }
            for server in ensemble.servers { try await server.serves() }
            result = .success(try await body(ensemble))
        } catch {
            result = .failure(error)
        }
        for server in ensemble.servers { await server.kill9() }
        // try?: what is left behind in the temporary directory harms nobody.
        try? FileManager.default.removeItem(atPath: ensemble.folder)
        return try result.get()
    }

    private init(_ count: Int, jar: String) throws {
        folder = "\(NSTemporaryDirectory())apus-zookeeper-\(UUID().uuidString.prefix(8))"
        let ports = try (0..<count).map { _ in (client: try freePort(), peer: try freePort(), vote: try freePort()) }
        let peers = ports.map { "127.0.0.1:\($0.peer):\($0.vote)" }
        servers = try ports.enumerated().map { [folder] index, ports in
            let configured = try ConfiguredZooKeeper(
                index + 1,
                of: peers,
                at: "127.0.0.1",
                ports.client,
                in: "\(folder)/\(index + 1)",
                .shortest
            )
            return ZooKeeperServer(configured, jar: jar)
        }
    }

    /// All servers, below a chroot if one is given.
    package func address(_ chroot: String = "") throws -> ZooKeeperAddress {
        try ZooKeeperAddress(servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + chroot)
    }
}

/// One real server, which can be killed, stopped for a while and started again.
package final class ZooKeeperServer: Sendable {
    private let configured: ConfiguredZooKeeper
    private let jar: String
    private let life = Mutex<ServerLife?>(nil)

    fileprivate init(_ configured: ConfiguredZooKeeper, jar: String) {
        self.configured = configured
        self.jar = jar
    }

    package var port: Int { configured.port }

    /// Sets something else in its configuration, from its next start on.
    package func set(_ line: String) throws { try configured.set(line) }

    /// Drops all that it keeps; for one that does not run.
    package func forget() throws { try configured.forget() }

    /// Starts it, with what it kept; `serves` waits until it answers.
    package func start() throws {
        let begun = try ServerLife(configured.command(jar: jar), log: configured.log)
        life.withLock { $0 = begun }
    }

    /// Waits until it serves clients.
    package func serves() async throws {
        try await eventually("the ZooKeeper server on port \(port) serves", within: .seconds(60)) {
            guard life.withLock({ $0?.isRunning ?? false }) else {
                let said = FileManager.default.contents(atPath: configured.log) ?? Data()
                throw Unfulfilled(
                    "the ZooKeeper server has ended: \(String(decoding: said.suffix(2_000), as: UTF8.self))"
                )
            }
            return await configured.role(within: .milliseconds(500)) != nil
        }
    }

    /// It votes and decides for the others, or is alone.
    package func leads() async -> Bool {
        let role = await configured.role(within: .seconds(5))
        return role == .leader || role == .standalone
    }

    /// `kill -9`, and its end awaited.
    package func kill9() async {
        let ending = life.withLock { life in
            defer { life = nil }
            return life
        }
        ending?.signal(SIGKILL)
        await ending?.end()
    }

    /// It does nothing any more, until it is to go on.
    package func pause() { life.withLock { $0?.signal(SIGSTOP) } }

    package func goOn() { life.withLock { $0?.signal(SIGCONT) } }
}

/// A started process and its end, for which no thread waits.
private final class ServerLife: Sendable {
    private let pid: Int32
    private let ended: AsyncStream<Void>
    private let running: Running

    private final class Running: Sendable {
        let mutex = Mutex(true)
    }

    init(_ words: [String], log: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        try Data().write(to: URL(fileURLWithPath: log))
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        (process.standardOutput, process.standardError) = (output, output)
        process.standardInput = FileHandle.nullDevice
        let running = Running()
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in
            running.mutex.withLock { $0 = false }
            end.finish()
        }
        try process.run()
        pid = process.processIdentifier
        self.ended = ended
        self.running = running
    }

    var isRunning: Bool { running.mutex.withLock { $0 } }

    func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Once; the process must have been told to end.
    func end() async {
        for await _ in ended {}
    }
}
