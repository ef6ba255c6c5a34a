import ApusClient
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
