import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Testing

/// Which of the processes comes first.
enum UpgradeOrder: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case executorsFirst = "executors first"
    case controllerFirst = "controller first"

    var testDescription: String { rawValue }
}

extension ServiceTests {
    /// From the previous version (scripts/lib/previous.sh) to this one, and back.
    @Suite(.serialized) struct UpgradeTests {
        @Test(.timeLimit(.minutes(10)), arguments: UpgradeOrder.allCases)
        func
            `full suite: processes are upgraded one after the other, and go back: all that was accepted is there, what runs runs on, tasks run once`(
                _ order: UpgradeOrder
            ) async throws
        {
            let previous = try needed("APUS_TEST_PREVIOUS_BINARY")
            let users = try UsersFile()
            defer { users.remove() }
            try await withProcesses(
                arguments: ["--users", users.path],
                shared: ["--node-secret-file", users.secrets],
                as: UsersFile.credentials
            ) { cluster in
                try await cluster.withExecutors(2...2) { others in
                    let executors = [cluster.executor] + others
                    var walk = UpgradeWalk(on: cluster, executors: executors, from: previous)
                    try await walk.start()
                    let watch = KillWatch()
                    let (engine, name) = (cluster.engine, try #require(try cluster.cluster))
                    async let _ = watch.follow(engine, cluster: name)
                    try await cluster.eventually("the engine tells its events") {
                        try check(watch.isListening, "not yet")
                    }
                    let requests = RequestsMeanwhile(of: try await walk.deploy(), on: cluster.api)
                    let processes =
                        order == .executorsFirst ? executors + [cluster.controller] : [cluster.controller] + executors
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { group.cancelAll() }
                        group.addTask { await requests.run() }
                        for process in processes { try await walk.replace(process, by: nil) }
                        for process in processes { try await walk.replace(process, by: previous) }
                    }
                    try await requests.expectAll(of: cluster, watch)
                    try await walk.expectNothingReplaced()
                    #expect(watch.starts(of: UpgradeWalk.long) == 1)
                    watch.expectEachStartedOnce()
                }
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `full suite: where the state is in ZooKeeper the previous version does not begin one of its own`()
            async throws
        {
            let previous = try needed("APUS_TEST_PREVIOUS_BINARY")
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            defer { folder.remove() }
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let address = "127.0.0.1:\(try freePort())"
                let alone = ["controller", "--state", "\(folder.path)/controller", "--address", address]
                let controller = try ApusProcess(
                    alone + ["--zookeeper", "\(try ensemble.address("/upgrade"))", "--zookeeper-session", "2s"],
                    log: "\(folder.path)/controller.log"
                )
                try await lead(controller, at: address)
                for (program, reason) in [
                    (previous, "was written by a later version of Apus; start that version"),
                    (nil, "start the controller with --zookeeper"),
                ] {
                    let other = try ApusProcess(alone, log: "\(folder.path)/other.log", program: program)
                    try other.start()
                    #expect(await other.end() == 1)
                    #expect(other.said.contains(reason), "\(other.logTail)")
                }
                try await lead(controller, at: address)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `full suite: out of ZooKeeper the previous version gets all that was accepted, and what runs runs on`()
            async throws
        {
            let previous = try needed("APUS_TEST_PREVIOUS_BINARY")
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                try await withProcesses { cluster in
                    let store = ["--zookeeper", "\(try ensemble.address("/back"))", "--zookeeper-session", "2s"]
                    let place = ["--address", cluster.address]
                    let standing = ["--state", "\(cluster.folder)/standing"]
                    try cluster.controller.start(["controller"] + standing + place + store)
                    try cluster.executor.start()
                    try await cluster.meet()
                    let app = try await cluster.deploy(service("WEB"), instances: 2)
                    try await cluster.scale(app, to: 3)
                    try await cluster.settle(app, at: 3)
                    let task = TaskID(source: "JOBS", name: "LONG")
                    try await cluster.api.operateTask([
                        "type": "CREATE", "spec": shellTask(task, "sleep 1200"),
                        "opSpec": DevCluster.opSpec(parallelism: 1),
                    ])
                    try await allRuns(app, task, cluster)
                    let before = try await running(cluster)
                    #expect(before.count == 4)

                    // As docs/upgrade.md says.
                    let (file, state) = ("\(cluster.folder)/cluster.jsonl", "\(cluster.folder)/controller")
                    try await run(["maintenance", "on"], on: cluster)
                    try await run(["store", "export", file], on: cluster)
                    #expect(await cluster.controller.terminate() == 0)
                    try await run(["store", "import", file, "--state", state], on: cluster)
                    try cluster.controller.start(["controller", "--state", state] + place, program: previous)
                    try await allRuns(app, task, cluster)
                    #expect(try await cluster.api.cluster()["mode"] == "RESTORED")
                    for command in [["maintenance", "off"], ["store", "confirm", "--yes"]] {
                        try await run(command, on: cluster, by: previous)
                    }
                    #expect(try await cluster.api.cluster()["mode"] == nil)
                    #expect(await cluster.executor.terminate() == 0)
                    try cluster.executor.start(program: previous)
                    try await allRuns(app, task, cluster)
                    #expect(try await running(cluster) == before, "a container was stopped or started")

                    try await cluster.scale(app, to: 4)
                    try await cluster.settle(app, at: 4)
                    #expect(try await running(cluster).isSuperset(of: before))
                }
            }
        }

        /// The application's three instances and the task, as the controller knows them.
        private func allRuns(_ app: AppID, _ task: TaskID, _ cluster: ClusterProcesses) async throws {
            try await cluster.settle(app, at: 3)
            try await cluster.eventually("the executor takes work, and the task runs") {
                let states = try await cluster.api.executorSummaries().map(\.state)
                let state = try await cluster.api.task(task).state
                try check(states == ["ACTIVE"] && state == "RUNNING", "\(states), the task is \(state)")
            }
        }

        private func running(_ cluster: ClusterProcesses) async throws -> Set<ContainerID> {
            Set(try await cluster.containers().filter(\.isRunning).map(\.id))
        }

        /// A command against the cluster's controller, of that version or this one.
        private func run(_ arguments: [String], on cluster: ClusterProcesses, by program: String? = nil) async throws {
            let command = try ApusProcess(arguments, log: "\(cluster.folder)/commands.log", program: program)
            try command.start(environment: ["APUS_ENDPOINT": "http://\(cluster.address)"])
            let code = await command.end()
            try check(code == 0, "\(arguments) ended with \(code): \(command.logTail)")
        }

        /// Has it lead once, and ends it.
        private func lead(_ controller: ApusProcess, at address: String) async throws {
            try controller.start()
            let result: Result<Void, any Error>
            do {
                let api = APIClient(endpoint: address)
                result = .success(try await until("it leads", log: { controller.logTail }) { try await api.ping() })
            } catch {
                result = .failure(error)
            }
            #expect(await controller.terminate() == 0)
            try result.get()
        }
    }
}
