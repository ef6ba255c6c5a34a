import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// Equal machines that are a cluster: `apus node` on each, with an engine that is played.
    @Suite(.serialized) struct NodeClusterTests {
        @Test(.timeLimit(.minutes(4)))
        func `of three equal machines the one that leads is killed: another leads, and no container was touched`()
            async throws
        {
            try await withLabNodes(3) { cluster in
                let first = try await cluster.leading()
                let app = try await deploy(first.api, "WEB", instances: 3)
                let places = try await first.api.instances(of: app).map(\.executor)
                #expect(Set(places).count == 3, "one on each machine")
                try await first.process.kill9()
                // As its service manager does; its session with ZooKeeper keeps its place for a while all the same.
                try await first.process.start()
                try await cluster.anotherLeads(than: first)
                try await works(cluster, app, instances: 3)
                try expectUntouched(app, starts: 3, cluster)
                let leader = try await cluster.leading()
                try await scale(app, to: 6, leader.api)
                try await works(cluster, app, instances: 6)
                try expectUntouched(app, starts: 6, cluster)
            }
        }

        @Test(.timeLimit(.minutes(4)))
        func `a node hands over, or is stopped: every executor goes on under the next leader, which ZooKeeper names`()
            async throws
        {
            try await withLabNodes(3, executors: 1) { cluster in
                let first = try await cluster.leading()
                let app = try await deploy(first.api, "WEB", instances: 4)
                try await first.api.handOver(to: nil)
                try await cluster.anotherLeads(than: first)
                let second = try await cluster.leading()
                try await works(cluster, app, instances: 4)
                // The one beside the controller that led takes commands of another now.
                try await scale(app, to: 8, second.api)
                try await works(cluster, app, instances: 8)

                try await second.process.terminate()
                #expect(second.process.logTail.contains("stopped; all containers keep running"))
                try await cluster.anotherLeads(than: second)
                try await second.process.start()
                try await works(cluster, app, instances: 8)
                try expectUntouched(app, starts: 8, cluster)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `a node alone leads without ZooKeeper, and finds all again after it was killed and after it was stopped`()
            async throws
        {
            try await withLabNodes(1) { cluster in
                let node = try await cluster.leading()
                let app = try await deploy(node.api, "WEB", instances: 2)
                try await node.process.kill9()
                try await node.process.start()
                try await works(cluster, app, instances: 2)
                try await node.process.terminate()
                try await node.process.start()
                try await works(cluster, app, instances: 2)
                try await scale(app, to: 3, node.api)
                try await works(cluster, app, instances: 3)
                try expectUntouched(app, starts: 3, cluster)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `without ZooKeeper all nodes and executors run on, one of each begins, and all go on when it is back`()
            async throws
        {
            try await withLabNodes(3, executors: 1) { cluster in
                let (first, zooKeeper) = (try await cluster.leading(), try #require(cluster.zooKeeper))
                let app = try await deploy(first.api, "WEB", instances: 4)
                let executor = try #require(cluster.executors.last)
                let processes = cluster.controllers.map(\.process) + [executor.process]
                for server in zooKeeper.servers { try await server.kill9() }
                try await first.process.kill9()
                try await executor.process.terminate()
                let before = (node: said(first.process).count, executor: said(executor.process).count)
                try await first.process.start()
                try await executor.process.start()
                try await until("both say what they wait for", log: { cluster.logTails }) {
                    let node = String(decoding: said(first.process).dropFirst(before.node), as: UTF8.self)
                    let other = String(decoding: said(executor.process).dropFirst(before.executor), as: UTF8.self)
                    try check(node.contains("waiting for ZooKeeper"), "the node does not")
                    try check(other.contains("ZooKeeper does not say who the controllers are"), "the executor does not")
                    try check(other.contains("no leader takes reports"), "the executor does not say that nobody leads")
                }
                #expect(await cluster.leader() == nil)
                #expect(processes.allSatisfy { $0.isRunning }, "\(cluster.logTails)")
                try expectUntouched(app, starts: 4, cluster)

                try await zooKeeper.start()
                try await works(cluster, app, instances: 4)
                try expectUntouched(app, starts: 4, cluster)
                try await scale(app, to: 8, cluster.leading().api)
                try await works(cluster, app, instances: 8)
                try expectUntouched(app, starts: 8, cluster)
                #expect(processes.allSatisfy { $0.isRunning }, "\(cluster.logTails)")
            }
        }

        /// All that a process has written, in all its lives.
        private func said(_ process: LabProcess) -> Data { FileManager.default.contents(atPath: process.log) ?? Data() }

        /// Whoever leads has so many healthy instances, and all executors take work.
        private func works(_ cluster: LabCluster, _ app: AppID, instances: Int) async throws {
            try await until("all is well under the leader", log: { cluster.logTails }) {
                let api = try await cluster.leading().api
                let summary = try await api.application(app)
                try check(
                    summary.expected == instances && summary.healthy == instances && summary.operation == nil,
                    "expected \(summary.expected), healthy \(summary.healthy), \(summary.state)"
                )
                let states = try await api.executorSummaries().map(\.state)
                try check(states.count == cluster.executors.count && states.allSatisfy { $0 == "ACTIVE" }, "\(states)")
            }
        }

        private func scale(_ app: AppID, to count: Int, _ api: APIClient) async throws {
            _ = try await api.operate([
                "type": "SCALE", "appId": app.json, "requiredInstances": .integer(Int64(count)),
                "opSpec": DevCluster.opSpec(parallelism: 10),
            ])
        }

        private func expectUntouched(_ app: AppID, starts: Int, _ cluster: LabCluster) throws {
            let containers = try cluster.containers()
            #expect(containers.starts(of: app) == starts && containers.ends(of: app).isEmpty)
            #expect(containers.startedAgain.isEmpty)
        }
    }
}
