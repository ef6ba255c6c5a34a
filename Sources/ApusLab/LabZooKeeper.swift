import ApusClient
import ApusTestKit
import Foundation
import NIOCore
import NIOPosix

/// Real ZooKeeper servers, each on a machine of its own, configured as one would for sessions of 4 s.
package struct LabZooKeeper: Sendable {
    private static let port = 2181

    package let servers: [LabProcess]

    /// Starts nothing yet; `jar` is Debian's `zookeeper.jar`, which names what else it needs.
    package init(on machines: [Lab.Machine], of lab: Lab, jar: String) throws {
        let peers = machines.enumerated().map { "server.\($0 + 1)=\($1.address):2888:3888\n" }.joined()
        servers = try machines.enumerated().map { index, machine in
            let folder = "\(lab.folder)/zookeeper-\(index + 1)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let configuration = """
                tickTime=500
                initLimit=20
                syncLimit=4
                minSessionTimeout=1000
                maxSessionTimeout=60000
                dataDir=\(folder)
                clientPort=\(Self.port)
                clientPortAddress=\(machine.address)
                admin.enableServer=false
                4lw.commands.whitelist=*
                \(peers)
                """
            try configuration.write(toFile: "\(folder)/zoo.cfg", atomically: false, encoding: .utf8)
            try "\(index + 1)\n".write(toFile: "\(folder)/myid", atomically: false, encoding: .utf8)
            return LabProcess(
                ["java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jar]
                    + ["org.apache.zookeeper.server.quorum.QuorumPeerMain", "\(folder)/zoo.cfg"],
                on: machine,
                of: lab,
                log: "\(folder)/log"
            )
        }
    }

    /// All servers, as a client is told of them.
    package var addresses: String { servers.map { "\($0.machine.address):\(Self.port)" }.joined(separator: ",") }

    /// Starts those that do not run, and waits until all serve.
    package func start() async throws {
        for server in servers where !server.isRunning { try await server.start() }
        for server in servers {
            try await until("ZooKeeper at \(server.machine.address) serves", log: { server.logTail }) {
                guard server.isRunning else { throw Unfulfilled("it has ended") }
                _ = try await Self.role(of: server)
            }
        }
    }

    /// The server that the others follow; `nil` while there is none.
    package func leader() async -> LabProcess? {
        for server in servers where server.isRunning {
            do {
                if try await Self.role(of: server) == "leader" { return server }
            } catch {
                // It does not serve now; another may.
                continue
            }
        }
        return nil
    }

    /// The server that the program at that address is connected to; `nil` while it is to none.
    package func server(of client: String) async throws -> LabProcess? {
        for server in servers where server.isRunning {
            if try await Self.answer(of: server, to: "cons").contains("/\(client):") { return server }
        }
        return nil
    }

    /// `leader` or `follower`.
    private static func role(of server: LabProcess) async throws -> String {
        let answer = try await answer(of: server, to: "srvr")
        guard let line = answer.split(separator: "\n").first(where: { $0.hasPrefix("Mode: ") }) else {
            throw Unfulfilled("\(server.machine.address) says: \(answer)")
        }
        return String(line.dropFirst("Mode: ".count))
    }

    private static func answer(of server: LabProcess, to word: String) async throws -> String {
        let address = server.machine.address
        return try await withDeadline(.seconds(2), late: { Unfulfilled("\(address) does not answer") }) {
            let wire = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: address, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await wire.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: word))
                var answer = ""
                for try await part in inbound { answer += String(buffer: part) }
                return answer
            }
        }
    }
}
