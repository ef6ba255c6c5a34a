import ApusClient
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// A local service on several executors of their own processes.
    @Suite(.serialized) struct LocalServiceProcessTests {
        private let id = ServiceID("LOCAL-1")

        @Test(.timeLimit(.minutes(4)))
        func
            `a local service is on every executor, on one that joins before all else, and outlives kill -9 of both sides`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.withExecutors(2...3) { others in
                    try await walk(cluster, second: others[0], third: others[1])
                }
            }
        }

        private func walk(_ cluster: ClusterProcesses, second: ApusProcess, third: ApusProcess) async throws {
            try await cluster.startAndMeet()
            try second.start()
            try await members(2, cluster)
            try await cluster.api.operateService(["type": "CREATE", "spec": local, "instancesPerHost": 1])
            try await cluster.api.operateService(["type": "ACTIVATE", "serviceId": id.json])
            try await settle(at: 2, cluster)
            #expect(Set(try await cluster.api.instances(of: id).map(\.executor)).count == 2)

            _ = try await cluster.api.operate([
                "type": "CREATE", "spec": onePerHost("WEB"), "instances": 3,
                "opSpec": DevCluster.opSpec(parallelism: 3),
            ])
            let app = AppID("WEB-1")
            try await cluster.eventually("two of three have room") {
                try check(try await cluster.api.application(app).healthy == 2, "not yet")
            }
            try third.start()
            try await cluster.settle(app, at: 3)
            let services = try await cluster.api.instances(of: id)
            let newest = try #require(try await cluster.api.instances(of: app).max { $0.created < $1.created })
            let first = try #require(services.first { $0.executor == newest.executor })
            #expect(services.count == 3 && first.state == "HEALTHY")
            #expect(first.created < newest.created, "the service came before the application")

            await second.kill9()
            await cluster.controller.kill9()
            try second.start()
            try cluster.controller.start()
            try await settle(at: 3, cluster)
            try await cluster.settle(app, at: 3)
            #expect(try await cluster.api.instances(of: id).map(\.id) == services.map(\.id), "the same instances")
            #expect(try await cluster.api.endedInstances(of: id).isEmpty, "none was replaced")

            try await cluster.api.operateService(["type": "DEACTIVATE", "serviceId": id.json])
            try await settle(at: 0, cluster)
            #expect(try await cluster.containers().count == 3, "the application's are left")
        }

        // MARK: parts

        private func members(_ count: Int64, _ cluster: ClusterProcesses) async throws {
            try await cluster.eventually("\(count) executors take work") {
                let seen = try await cluster.api.cluster()["numExecutors"]
                try check(seen == .integer(count), "numExecutors is \(String(describing: seen))")
            }
        }

        private func settle(at count: Int, _ cluster: ClusterProcesses) async throws {
            try await cluster.eventually("\(id) settles at \(count)") {
                let service = try await cluster.api.service(id)
                try check(
                    service.isSettled && service.healthy == count,
                    "wanted \(service.wanted), live \(service.live), healthy \(service.healthy), \(service.obstacles)"
                )
            }
        }

        private var local: JSON { policy(["type": "LOCAL", "hostLevel": false], of: service("LOCAL")) }

        private func onePerHost(_ name: String) -> JSON { policy(["type": "ONE_PER_HOST"], of: service(name)) }

        private func policy(_ policy: JSON, of spec: JSON) -> JSON {
            guard case .object(let members) = spec else { return spec }
            return .object(members.map { $0.key == "placementPolicy" ? JSON.Member($0.key, policy) : $0 })
        }
    }
}
