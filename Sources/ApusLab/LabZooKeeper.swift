import ApusTestKit

/// Real ZooKeeper servers, each on a machine of its own.
package struct LabZooKeeper: Sendable {
    private static let port = 2181
    /// For an answer.
    private static let patience: Duration = .seconds(2)

    private let members: [(process: LabProcess, configured: ConfiguredZooKeeper)]

    /// Starts nothing yet; `jar` is Debian's `zookeeper.jar`, which names what else it needs.
    package init(on machines: [Lab.Machine], of lab: Lab, jar: String) throws {
        let peers = machines.map { "\($0.address):2888:3888" }
        members = try machines.enumerated().map { index, machine in
            let configured = try ConfiguredZooKeeper(
                index + 1,
                of: peers,
                at: machine.address,
                Self.port,
                in: "\(lab.folder)/zookeeper-\(index + 1)",
                .usual
            )
            return (
                LabProcess(configured.command(jar: jar), on: machine, of: lab, log: configured.log), configured
            )
        }
    }

    package var servers: [LabProcess] { members.map(\.process) }

    /// All servers, and the cluster's path behind them, as a client is told of them.
    package var addresses: String {
        servers.map { "\($0.machine.address):\(Self.port)" }.joined(separator: ",") + "/apus"
    }

    /// Starts those that do not run, and waits until all serve.
    package func start() async throws {
        for server in servers where !server.isRunning { try await server.start() }
        for (server, configured) in members {
            try await until("ZooKeeper at \(server.machine.address) serves", log: { server.logTail }) {
                guard server.isRunning else { throw Unfulfilled("it has ended") }
                guard await configured.role(within: Self.patience) != nil else { throw Unfulfilled("it does not yet") }
            }
        }
    }

    /// The server that the others follow; `nil` while there is none.
    package func leader() async -> LabProcess? {
        for (server, configured) in members where server.isRunning {
            if await configured.role(within: Self.patience) == .leader { return server }
        }
        return nil
    }

    /// The server that the program at that address is connected to; `nil` while it is to none.
    package func server(of client: String) async throws -> LabProcess? {
        for (server, configured) in members where server.isRunning {
            guard let clients = await configured.answer(to: "cons", within: Self.patience) else {
                throw Unfulfilled("\(server.machine.address) does not answer")
            }
            if clients.contains("/\(client):") { return server }
        }
        return nil
    }
}
