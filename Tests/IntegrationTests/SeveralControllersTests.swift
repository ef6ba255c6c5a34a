import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

extension ServiceTests {
    /// Three controllers on three ZooKeeper servers, each on a machine of its own.
    @Suite(.serialized) struct SeveralControllersTests {
        @Test(.timeLimit(.minutes(4)))
        func `whoever leads is killed, and nothing that was accepted is lost, done twice or answered out of order`()
            async throws
        {
            try await withLabCluster(controllers: 3, executors: 6) { cluster in
                let apis = cluster.controllers.map(\.api)
                let first = try await leading(cluster)
                let tasks = TaskLedger(source: "LAB", image: LabCluster.image)
                let apps = [
                    try await deploy(first.api, "A", instances: 1), try await deploy(first.api, "B", instances: 1),
                ]
                let steady = try await deploy(first.api, "STEADY", instances: 6)
                let history = RegisterHistory()
                let clients = CountClients(of: apis, apps: apps, counts: 1...4, history: history)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await clients.run(4, seed: 1) }
                    for _ in 0..<3 {
                        let before = history.counts.answered
                        try await until("the clients are answered", log: { cluster.logTails }) {
                            try check(history.counts.answered > before + 40, "only some")
                        }
                        let leader = try await leading(cluster)
                        try await leader.process.kill9()
                        try await untilAccepted(by: apis) { api in
                            try await tasks.run(for: .milliseconds(200), on: api)
                        }
                        try await leader.process.start()
                    }
                }
                let last = try await leading(cluster).api
                try await until("all tasks have ended", log: { cluster.logTails }) {
                    try check(try await last.tasks().isEmpty, "some have not")
                }
                let containers = try cluster.containers()
                #expect(tasks.accepted >= 3)
                #expect(tasks.faults(in: containers).isEmpty)
                #expect(containers.startedAgain.isEmpty)
                #expect(containers.starts(of: steady) == 6 && containers.ends(of: steady).isEmpty)
                #expect(history.violations(initially: 1).isEmpty)
            }
        }

        @Test(.timeLimit(.minutes(4)))
        func `a leader that is cut off, stopped, or without ZooKeeper makes way and comes back; containers run on`()
            async throws
        {
            try await withLabCluster(controllers: 3, executors: 3) { cluster in
                let zooKeeper = try #require(cluster.zooKeeper)
                let steady = try await deploy(leading(cluster).api, "STEADY", instances: 6)

                let cut = try await leading(cluster)
                var faults = LinkFaults()
                faults.cut([cut.process.machine.address], from: zooKeeper.servers.map(\.machine.address))
                try await cluster.lab.set(faults)
                try await anotherLeads(cluster, than: cut)
                try await cluster.lab.set(LinkFaults())
                #expect(cut.process.isRunning, "it stands by instead of ending: \(cut.process.logTail)")

                let hung = try await leading(cluster)
                hung.process.pause()
                try await anotherLeads(cluster, than: hung)
                hung.process.goOn()
                try await until("it stands by", log: { hung.process.logTail }) {
                    try await refused(by: hung.api)
                }

                for server in zooKeeper.servers.prefix(2) { try await server.kill9() }
                try await until("nobody leads", log: { cluster.logTails }) {
                    try check(await cluster.leader() == nil, "somebody does")
                }
                try await zooKeeper.start()
                let again = try await leading(cluster)
                try await until("all are healthy", log: { cluster.logTails }) {
                    try check(try await again.api.application(steady).healthy == 6, "they are not")
                }
                let states = try await again.api.executorSummaries().map(\.state)
                #expect(states == ["ACTIVE", "ACTIVE", "ACTIVE"])
                let containers = try cluster.containers()
                #expect(containers.starts(of: steady) == 6 && containers.ends(of: steady).isEmpty)
                #expect(containers.startedAgain.isEmpty)
            }
        }

        private func leading(_ cluster: LabCluster) async throws -> LabCluster.Controller {
            var leader: Int?
            try await until("somebody leads", within: .seconds(40), log: { cluster.logTails }) {
                leader = await cluster.leader()
                try check(leader != nil, "nobody does")
            }
            return cluster.controllers[try #require(leader)]
        }

        private func anotherLeads(_ cluster: LabCluster, than old: LabCluster.Controller) async throws {
            try await until("another leads", within: .seconds(40), log: { cluster.logTails }) {
                let leader = await cluster.leader().map { cluster.controllers[$0].api.endpoint }
                try check(leader != nil && leader != old.api.endpoint, "\(leader ?? "nobody") does")
            }
        }

        private func refused(by api: APIClient) async throws {
            do {
                try await api.ping()
            } catch let error as ClientError where error.message.contains("not the leader") {
                return
            }
            throw Unfulfilled("it answers as a leader")
        }
    }
}
