import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation
import NIOCore
import Testing

extension ServiceTests {
    /// How long the server may take to answer or to hang up.
    private static let patience = TimeAmount.seconds(5)
    private static let growthInKilobytes = 192 * 1024

    @Test(.timeLimit(.minutes(10)))
    func `whatever is sent to its ports, a cluster answers without a 5xx, goes on, and its service is untouched`()
        async throws
    {
        try await withDevCluster { cluster in
            let app = try await cluster.deploy(service("LIVE"), instances: 2)
            try await cluster.settle(app, at: 2)
            let containers = try await cluster.containers().map(\.id)
            let executor = try await soleExecutor(of: cluster)
            let corpus = try HostileCorpus(names: try await names(of: cluster, app, executor))
            #expect(corpus.entries.count >= 200, "the corpus has shrunk")
            let memory = try cluster.residentKilobytes()
            let ports: [HostileCorpus.Listener: Int] = [
                .api: try #require(URL(string: cluster.api.endpoint)?.port), .node: try executor.int("port"),
            ]

            var held: [HostileExchange.Connection] = []
            for entry in corpus.entries {
                held += try await send(entry, to: try #require(ports[entry.to]), of: cluster)
            }

            try await expectOnlyOneExecutor(of: cluster)
            try await cluster.settle(app, at: 2)
            #expect(try await cluster.containers().map(\.id) == containers, "its containers were touched")
            let later = try await cluster.deploy(service("LATER"), instances: 1)
            try await cluster.settle(later, at: 1)
            for connection in held { connection.channel.close(promise: nil) }
            try await cluster.eventually("memory is given back", within: .seconds(30)) {
                let grown = try cluster.residentKilobytes() - memory
                try check(grown < Self.growthInKilobytes, "the process has grown by \(grown / 1024) MB")
            }
        }
    }

    private func soleExecutor(of cluster: DevCluster) async throws -> JSON {
        guard case .array(let executors) = try await cluster.api.executors(), executors.count == 1 else {
            throw Unfulfilled("there is not one executor")
        }
        return executors[0]
    }

    /// What only the running cluster knows.
    private func names(of cluster: DevCluster, _ app: AppID, _ executor: JSON) async throws -> [String: String] {
        let node = try Data(contentsOf: URL(fileURLWithPath: cluster.state + "/executor/node.json"))
        let instance = try #require(try await cluster.api.instances(of: app).first)
        return [
            "app": app.rawValue, "instance": instance.id.rawValue, "cluster": cluster.cluster,
            "executor": try executor.string("executorId"), "key": try JSON(parsing: node).string("key"),
        ]
    }

    /// Sends what a line says, one connection after the other.
    ///
    /// - Returns: the connections that the line leaves open.
    private func send(
        _ entry: HostileCorpus.Entry,
        to port: Int,
        of cluster: DevCluster
    ) async throws -> [HostileExchange.Connection] {
        if entry.isUnfinished {
            var held: [HostileExchange.Connection] = []
            for bytes in entry.messages {
                held.append(try await HostileExchange.begin(bytes, port: port, within: Self.patience))
            }
            return held
        }
        for bytes in entry.messages {
            do {
                let outcome = try await HostileExchange.send(bytes, port: port, within: Self.patience)
                if let fault = fault(of: outcome) {
                    Issue.record("line \(entry.number): \(fault): \(entry.text) \(excerpt(bytes, of: entry))")
                }
            } catch {
                try await revive(cluster, "\(error)", after: entry, bytes)
            }
            if !cluster.isRunning { try await revive(cluster, "it ended", after: entry, bytes) }
        }
        return []
    }

    /// So that one run shows every line that ends the process.
    private func revive(
        _ cluster: DevCluster,
        _ reason: String,
        after entry: HostileCorpus.Entry,
        _ bytes: [UInt8]
    ) async throws {
        Issue.record(
            "line \(entry.number) ended the process (\(reason)): \(entry.text) \(excerpt(bytes, of: entry))\n\(cluster.logTail)"
        )
        await cluster.kill9()
        try await cluster.startAndAnswer()
    }

    private func fault(of outcome: HostileExchange.Outcome) -> String? {
        switch outcome {
        case .answered(let statuses):
            statuses.contains { $0 >= 500 } ? "answered \(statuses)" : nil
        case .closed: nil
        case .garbled(let text): "answered what is no HTTP: \(text)"
        case .silent: "neither answered nor closed"
        }
    }

    /// Which of a line's messages it was.
    private func excerpt(_ bytes: [UInt8], of entry: HostileCorpus.Entry) -> String {
        entry.messages.count > 1 ? "as \(String(decoding: bytes.suffix(1500), as: UTF8.self))" : ""
    }

    /// Executors that were made up are silent soon; nothing may be placed on them then.
    private func expectOnlyOneExecutor(of cluster: DevCluster) async throws {
        try await cluster.eventually("made-up executors are given up", within: .seconds(60)) {
            let answer = try await cluster.api.executors()
            guard case .array(let executors) = answer else {
                throw Unfulfilled("the executors are no list: \(answer)")
            }
            let present = executors.filter { $0["presence"] == "PRESENT" }
            try check(present.count == 1, "\(present.count) executors are there")
        }
    }
}
