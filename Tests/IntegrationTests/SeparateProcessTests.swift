import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// Controller and executor apart: either may be gone without the services noticing.
    @Suite(.serialized) struct SeparateProcessTests {
        @Test(.timeLimit(.minutes(3)))
        func `a service keeps answering while the controller is gone, and is counted unchanged when it is back`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 2)
                let before = try await state(of: app, cluster)
                await cluster.controller.kill9()
                try await cluster.eventually("the executor notices that nobody leads") {
                    try check(cluster.executor.said.contains("no leader takes reports"), "it says nothing")
                }
                try await expectAnswers(before)
                #expect(cluster.executor.isRunning)
                try cluster.controller.start()
                try await cluster.settle(app, at: 2)
                try await expectUnchanged(before, of: app, cluster)
                #expect(try await cluster.api.endedInstances(of: app, atMost: 10).isEmpty, "none was replaced")
                try await cluster.scale(app, to: 3)
                try await cluster.settle(app, at: 3)
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a container that dies while there is no controller is started again in place within 15 s`() async throws {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 2)
                let before = try await state(of: app, cluster)
                await cluster.controller.kill9()
                try await cluster.eventually("the executor notices that nobody leads") {
                    try check(cluster.executor.said.contains("no leader takes reports"), "it says nothing")
                }
                let victim = try #require(try await cluster.containers().first)
                try await cluster.engine.stop(victim.id, grace: .zero)
                try await cluster.eventually("it answers again", within: .seconds(15)) {
                    try check(try await cluster.containers().allSatisfy(\.isRunning), "it does not run")
                    for (id, port) in before.ports {
                        try check(
                            try await get("http://127.0.0.1:\(port)/").contains(id.rawValue),
                            "\(id) is not there"
                        )
                    }
                }
                try cluster.controller.start()
                try await cluster.settle(app, at: 2)
                try await expectUnchanged(before, of: app, cluster)
                #expect(try await cluster.api.endedInstances(of: app, atMost: 10).isEmpty, "none was replaced")
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `containers keep answering after kill -9 of the executor, which comes back and reports the same`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 2)
                let before = try await state(of: app, cluster)
                await cluster.executor.kill9()
                try await expectAnswers(before)
                try cluster.executor.start()
                try await cluster.settle(app, at: 2)
                try await expectUnchanged(before, of: app, cluster)
                #expect(try await cluster.api.endedInstances(of: app, atMost: 10).isEmpty, "none was replaced")
                try await cluster.scale(app, to: 3)
                try await cluster.settle(app, at: 3)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `a normal end of both leaves containers running, and the next start finds them`() async throws {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 1)
                let before = try await state(of: app, cluster)
                #expect(await cluster.executor.terminate() == 0)
                #expect(await cluster.controller.terminate() == 0)
                try await expectAnswers(before)
                try cluster.executor.start()
                try cluster.controller.start()
                try await cluster.settle(app, at: 1)
                try await expectUnchanged(before, of: app, cluster)
            }
        }

        /// What a user would compare before and after.
        private struct Seen: Equatable {
            var ports: [InstanceID: Int]
            var containers: [String]
        }

        private func state(of app: AppID, _ cluster: ClusterProcesses) async throws -> Seen {
            var ports: [InstanceID: Int] = [:]
            for instance in try await cluster.api.instances(of: app) {
                ports[instance.id] = try #require(instance.ports.first?.hostPort)
            }
            return Seen(ports: ports, containers: try await cluster.containers().map(\.id.rawValue))
        }

        /// The same instances on the same ports in the same containers, once all have been heard again.
        private func expectUnchanged(_ before: Seen, of app: AppID, _ cluster: ClusterProcesses) async throws {
            try await cluster.eventually("all is as it was", within: .seconds(20)) {
                let now = try await state(of: app, cluster)
                try check(now == before, "\(before) has become \(now)")
            }
        }

        private func expectAnswers(_ seen: Seen) async throws {
            for (id, port) in seen.ports {
                #expect(try await get("http://127.0.0.1:\(port)/").contains(id.rawValue), "\(id) does not answer")
            }
        }
    }
}
