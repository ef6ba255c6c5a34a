import ApusClient
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// Executors that are to be free of work, on real containers.
    @Suite(.serialized) struct ExecutorDutyTests {
        @Test(.timeLimit(.minutes(4)))
        func `a blacklisted executor is emptied while the service keeps its count, then retired and forgotten`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                try await cluster.withExecutors(1...2) { others in try await walkThrough(cluster, others) }
            }
        }

        private func walkThrough(_ cluster: ClusterProcesses, _ others: [ApusProcess]) async throws {
            for other in others { try other.start() }
            try await cluster.eventually("three executors are members") {
                try check(try await cluster.api.cluster()["numExecutors"] == 3, "not yet")
            }
            let app = try await cluster.deploy(service("WEB"), instances: 3)
            let home = try #require(try await cluster.api.executorSummaries().first { $0.usedCores > 0 })
            let only = APIClient.Selection(ids: [home.id], tags: [], zones: [])
            let answer = try await cluster.api.order(.blacklist, only)
            #expect(answer["successful"] == [home.id.json])
            try await cluster.eventually("it is blacklisted, and the service is whole all the while") {
                let healthy = try await cluster.api.application(app).healthy
                if healthy < 3 { Issue.record("only \(healthy) are healthy") }
                let now = try await cluster.api.executorSummaries().first { $0.id == home.id }
                try check(now?.state == "BLACKLISTED" && now?.usedCores == 0, "\(now?.state ?? "gone")")
            }
            try await cluster.settle(app, at: 3)
            await cluster.controller.kill9()
            try cluster.controller.start()
            try await cluster.eventually("it is so after a restart of the controller") {
                let now = try await cluster.api.executorSummaries().first { $0.id == home.id }
                try check(now?.state == "BLACKLISTED", now?.state ?? "gone")
            }
            _ = try await cluster.api.order(.retire, only)
            try await cluster.eventually("it is forgotten") {
                let left = try await cluster.api.executorSummaries()
                try check(left.count == 2 && !left.contains { $0.id == home.id }, "\(left.map(\.state))")
            }
            try await cluster.settle(app, at: 3)
        }
    }
}
