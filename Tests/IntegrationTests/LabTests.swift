import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

extension ServiceTests {
    /// What the tests on failures stand on: machines, links and container engines that are played.
    @Suite(.serialized) struct LabTests {
        @Test(.timeLimit(.minutes(2)))
        func `of three ZooKeeper servers two choose another leader when theirs is cut off, and take it back after`()
            async throws
        {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            try await Lab.with(machines: 3) { lab in
                let zooKeeper = try LabZooKeeper(on: lab.machines, of: lab, jar: jar)
                try await zooKeeper.start()
                let first = try #require(await zooKeeper.leader()).machine
                var faults = LinkFaults()
                faults.cut([first.address], from: lab.machines.map(\.address))
                try await lab.set(faults)
                try await until("another leads") {
                    let now = await zooKeeper.leader()?.machine
                    try check(now != nil && now != first, "\(String(describing: now)) does")
                }
                try await lab.set(LinkFaults())
                try await zooKeeper.start()
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `an executor that was cut off is back, and stays on a link that loses packets, all containers untouched`()
            async throws
        {
            try await withLabCluster { cluster in
                let api = cluster.controllers[0].api
                let app = try await deploy(api, "WEB", instances: 4)
                let executor = cluster.executors[0].process
                let controllers = cluster.controllers.map(\.process.machine.address)
                var faults = LinkFaults()
                faults.cut([executor.machine.address], from: controllers)
                try await cluster.lab.set(faults)
                try await until("it notices", log: { executor.logTail }) {
                    try check(executor.logTail.contains("no leader takes reports"), "it does not")
                }
                try await cluster.lab.set(LinkFaults())
                try await until("it is back", log: { executor.logTail }) {
                    try check(executor.logTail.contains("a leader answers again"), "it is not")
                }
                try await until("all are healthy") {
                    try check(try await api.application(app).healthy == 4, "they are not")
                }
                var losses = LinkFaults()
                losses.lose(0.2, between: [executor.machine.address], and: controllers)
                try await cluster.lab.set(losses)
                let end = ContinuousClock.now + .seconds(15)
                try await until("it was not given up all the while", every: .milliseconds(500)) {
                    #expect(try await api.executorSummaries().allSatisfy { $0.presence != "LOST" })
                    try check(ContinuousClock.now >= end, "it is too early")
                }
                try await cluster.lab.set(LinkFaults())
                #expect(try cluster.containers().starts(of: app) == 4)
                #expect(try cluster.containers().ends(of: app).isEmpty)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `nothing that was accepted is lost, done twice or answered out of order while the controller is killed`()
            async throws
        {
            try await withLabCluster { cluster in
                let controller = cluster.controllers[0]
                let tasks = TaskLedger(source: "LAB", image: LabCluster.image)
                let apps = [
                    try await deploy(controller.api, "A", instances: 1),
                    try await deploy(controller.api, "B", instances: 1),
                ]
                let steady = try await deploy(controller.api, "STEADY", instances: 3)
                let history = RegisterHistory()
                let clients = CountClients(of: [controller.api], apps: apps, counts: 1...4, history: history)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await clients.run(4, seed: 1) }
                    group.addTask { try await TaskClient(of: [controller.api], tasks: tasks).run(seed: 2) }
                    for _ in 0..<5 {
                        let before = history.counts
                        try await until("the clients are answered") {
                            let now = history.counts
                            try check(now.answered > before.answered + 40 && now.written > before.written, "only some")
                        }
                        try await controller.process.kill9()
                        try await controller.process.start()
                        try await untilAccepted(by: [controller.api]) { api in
                            try await tasks.run(for: .milliseconds(200), on: api)
                        }
                    }
                }
                try await until("all tasks have ended", log: { cluster.logTails }) {
                    try check(try await controller.api.tasks().isEmpty, "some have not")
                }
                for app in apps {
                    let last = await history.read(app.rawValue, by: -1) {
                        try await controller.api.application(app).expected
                    }
                    #expect(last == .done)
                }
                let containers = try cluster.containers()
                #expect(tasks.accepted >= 10)
                #expect(tasks.faults(in: containers).isEmpty)
                #expect(containers.startedAgain.isEmpty)
                #expect(containers.starts(of: steady) == 3 && containers.ends(of: steady).isEmpty)
                #expect(history.violations(initially: 1).isEmpty)
            }
        }
    }
}
