import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

extension ServiceTests.LabTests {
    @Test(.timeLimit(.minutes(4)))
    func `events and the audit log go on under the next leader, whether the last one was stopped or killed`()
        async throws
    {
        try await withLabCluster(controllers: 3, executors: 1) { cluster in
            func events(_ api: APIClient) async throws -> [EventSummary] {
                try await api.events(after: WallTime(milliseconds: 0), atMost: 1_000)
            }
            func leaders(_ api: APIClient) async throws -> [AuditSummary] {
                try await api.audit([(name: "action", value: "LEADERSHIP_ACQUIRED")]).records
            }
            let first = try await cluster.leading()
            let app = try await deploy(first.api, "A", instances: 1)
            let before = Set(try await events(first.api).map { $0.json["id"] })
            try await first.process.terminate()

            let second = try await cluster.leading()
            let told = try await events(second.api)
            #expect(before.isSubset(of: told.map { $0.json["id"] }))
            #expect(told.contains { $0.type == "LEADERSHIP_LOST" }, "it was read before it made way")
            let noted = try await second.api.audit([(name: "subject", value: app.rawValue)]).records
            #expect(noted.contains { $0.action == "APPLICATION_CREATE" })
            try await second.process.kill9()

            let third = try await cluster.leading()
            #expect(before.isSubset(of: try await events(third.api).map { $0.json["id"] }))
            try await first.process.start()
            try await second.process.start()
            try await until("all that was noted is in one log", log: { cluster.logTails }) {
                try check(try await leaders(third.api).count >= 3, "somebody's is missing")
            }
            let sequences = try await leaders(third.api).map(\.sequence)
            #expect(Set(sequences).count == sequences.count)
        }
    }
}
