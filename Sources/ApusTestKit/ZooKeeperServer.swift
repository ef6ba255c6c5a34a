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
        configuration: String = "",
        _ body: (ZooKeeperEnsemble) async throws -> Value
    ) async throws -> Value {
        let ensemble = try ZooKeeperEnsemble(count, jar: jar, configuration: configuration)
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

    private init(_ count: Int, jar: String, configuration: String) throws {
        folder = "\(NSTemporaryDirectory())apus-zookeeper-\(UUID().uuidString.prefix(8))"
        let ports = try (0..<count).map { _ in (client: try freePort(), peer: try freePort(), vote: try freePort()) }
        let peers = ports.enumerated().map { "server.\($0 + 1)=127.0.0.1:\($1.peer):\($1.vote)\n" }.joined()
        var servers: [ZooKeeperServer] = []
        for (index, ports) in ports.enumerated() {
            let own = "\(folder)/\(index + 1)"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            // The shortest ticks, so that sessions may be short.
            let text = """
                tickTime=200
                initLimit=50
                syncLimit=5
                minSessionTimeout=400
                maxSessionTimeout=60000
                dataDir=\(own)
                clientPort=\(ports.client)
                clientPortAddress=127.0.0.1
                admin.enableServer=false
                4lw.commands.whitelist=*
                \(configuration)
                \(count > 1 ? peers : "")
                """
            try text.write(toFile: "\(own)/zoo.cfg", atomically: false, encoding: .utf8)
            try "\(index + 1)\n".write(toFile: "\(own)/myid", atomically: false, encoding: .utf8)
            servers.append(ZooKeeperServer(port: ports.client, folder: own, jar: jar))
        }
        self.servers = servers
    }

    /// All servers, below a chroot if one is given.
    package func address(_ chroot: String = "") throws -> ZooKeeperAddress {
        try ZooKeeperAddress(servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + chroot)
    }
}

/// One real server, which can be killed, stopped for a while and started again.
package final class ZooKeeperServer: Sendable {
    package let port: Int
    private let folder: String
    private let jar: String
    private let life = Mutex<ServerLife?>(nil)

    fileprivate init(port: Int, folder: String, jar: String) {
        self.port = port
        self.folder = folder
        self.jar = jar
    }

    /// Sets something else in its configuration, from its next start on.
    package func set(_ line: String) throws {
        let path = "\(folder)/zoo.cfg"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try "\(text)\n\(line)\n".write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Starts it, with what it kept; `serves` waits until it answers.
    package func start() throws {
        let begun = try ServerLife(
            ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jar]
                + ["org.apache.zookeeper.server.quorum.QuorumPeerMain", "\(folder)/zoo.cfg"],
            log: "\(folder)/log"
        )
        life.withLock { $0 = begun }
    }

    /// Waits until it serves clients.
    package func serves() async throws {
        let server = ZooKeeperAddress.Server(host: "127.0.0.1", port: port)
        try await eventually("the ZooKeeper server on port \(port) serves", within: .seconds(60)) {
            guard life.withLock({ $0?.isRunning ?? false }) else {
                let said = FileManager.default.contents(atPath: "\(folder)/log") ?? Data()
                throw Unfulfilled(
                    "the ZooKeeper server has ended: \(String(decoding: said.suffix(2_000), as: UTF8.self))"
                )
            }
            let answer = await server.answer(to: "srvr", within: .milliseconds(500))
            return answer?.contains("Mode:") ?? false
        }
    }

    /// It votes and decides for the others, or is alone.
    package func leads() async -> Bool {
        let server = ZooKeeperAddress.Server(host: "127.0.0.1", port: port)
        let answer = await server.answer(to: "srvr", within: .seconds(5)) ?? ""
        return answer.contains("Mode: leader") || answer.contains("Mode: standalone")
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

    init(_ arguments: [String], log: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["java"] + arguments
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
