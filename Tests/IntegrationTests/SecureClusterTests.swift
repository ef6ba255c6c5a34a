import ApusClient
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// What other machines can reach: nothing of it is open, and nothing is readable on the way.
    @Suite(.serialized) struct SecureClusterTests {
        private static let address = ownNetworkAddress()

        @Test(.enabled(if: address != nil, "this machine has no address beyond loopback"), .timeLimit(.minutes(3)))
        func `beyond loopback a service runs under TLS and secrets, and who shows none is refused at both ports`()
            async throws
        {
            let cluster = try await SecureCluster(at: try #require(Self.address))
            do {
                try await use(cluster)
            } catch {
                await cluster.close()
                throw error
            }
            await cluster.close()
        }

        private func use(_ cluster: SecureCluster) async throws {
            try cluster.controller.start()
            try cluster.executor.start()
            try await cluster.eventually("the executor takes work") {
                let executors = try await cluster.api.executorSummaries()
                try check(executors.first?.json["state"] == "ACTIVE", "\(executors.map(\.json.serialized))")
            }
            let listed = try #require(try await cluster.api.executorSummaries().first).json
            #expect(listed["hostname"]?.text == cluster.host)
            #expect(listed["transportType"] == "HTTPS")
            try await expectAnswer(cluster)
            try await expectRefusals(cluster)
            try await expectNewSecret(cluster)
        }

        /// A service that answers where its executor is found, with its output.
        private func expectAnswer(_ cluster: SecureCluster) async throws {
            let app = try await cluster.api.operate([
                "type": "CREATE", "spec": service("WEB"), "instances": 1, "opSpec": DevCluster.opSpec(parallelism: 1),
            ])
            try await cluster.eventually("it is healthy") {
                try check(try await cluster.api.application(app).healthy == 1, "it is not")
            }
            let instance = try #require(try await cluster.api.instances(of: app).first)
            let port = try #require(instance.ports.first?.hostPort)
            #expect(try await get("http://\(cluster.host):\(port)/").contains(instance.id.rawValue))
            let files = LogClient(
                cluster.api,
                kind: "applications",
                owner: app.rawValue,
                name: instance.id.rawValue
            )
            try await cluster.eventually("its output is read over both ports") {
                try check(try await files.files() == ["output.log"], "there is none")
            }
        }

        private func expectRefusals(_ cluster: SecureCluster) async throws {
            let stranger = try cluster.node("some-other-secret-0123456789")
            let (controller, executor) = (cluster.api.endpoint, "https://\(cluster.host):\(cluster.executorPort)")
            for caller in [stranger, Caller(trusting: cluster.trust)] {
                let ping = await #expect(throws: ClientError.self) {
                    try await APIClient(endpoint: executor, as: caller).ping()
                }
                guard case .status(401, _)? = ping?.code else {
                    Issue.record("the executor says \(String(describing: ping))")
                    return
                }
                let list = await #expect(throws: ClientError.self) {
                    try await APIClient(endpoint: controller, as: caller).ping()
                }
                guard case .status(401, _)? = list?.code else {
                    Issue.record("the controller says \(String(describing: list))")
                    return
                }
            }
            let unencrypted = await #expect(throws: ClientError.self) {
                try await APIClient(endpoint: "http://\(cluster.host):\(cluster.port)").ping()
            }
            guard case .unreachable? = unencrypted?.code else {
                Issue.record("without TLS it says \(String(describing: unencrypted))")
                return
            }
            for said in [cluster.controller.said, cluster.executor.said] {
                #expect(!said.contains(SecureCluster.secret) && !said.contains(SecureCluster.password))
            }
        }

        /// A secret is changed without a restart and without an interruption.
        private func expectNewSecret(_ cluster: SecureCluster) async throws {
            let new = "secret-of-the-tests-9876543210"
            let executor = "https://\(cluster.host):\(cluster.executorPort)"
            try SecureCluster.put("\(new)\n\(SecureCluster.secret)\n", "\(cluster.folder)/secrets")
            try await cluster.eventually("the new one is taken beside the old") {
                for secret in [new, SecureCluster.secret] {
                    try await APIClient(endpoint: executor, as: try cluster.node(secret)).ping()
                }
            }
            try SecureCluster.put("\(new)\n", "\(cluster.folder)/secrets")
            try await cluster.eventually("the old one is taken no more") {
                do {
                    try await APIClient(endpoint: executor, as: try cluster.node(SecureCluster.secret)).ping()
                } catch let error as ClientError {
                    guard case .status(401, _) = error.code else { throw error }
                    return
                }
                throw Unfulfilled("it still is")
            }
            try await cluster.eventually("nodes know each other by the new one") {
                let executors = try await cluster.api.executorSummaries()
                try check(executors.first?.json["presence"] == "PRESENT", "\(executors.map(\.json.serialized))")
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func `beyond loopback nothing starts without node secrets`() async throws {
            let scratch = try TemporaryFolder()
            defer { scratch.remove() }
            let folder = scratch.path
            for (index, arguments) in [
                ["controller", "--address", "0.0.0.0:10000"], ["executor", "--address", "0.0.0.0:11000"],
                ["dev", "--executor-address", "0.0.0.0:11000"], ["node", "--address", "0.0.0.0:10000"],
                ["node", "--executor-address", "0.0.0.0:11000"],
            ].enumerated() {
                let process = try ApusProcess(
                    arguments + ["--state", "\(folder)/state"],
                    log: "\(folder)/\(index).log"
                )
                try process.start()
                #expect(await process.end() == 1, "\(process.said)")
                #expect(process.said.contains("give --node-secret-file FILE"), "\(process.said)")
            }
        }
    }
}
