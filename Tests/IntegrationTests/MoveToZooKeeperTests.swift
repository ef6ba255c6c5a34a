import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// A cluster with one controller gets three, as docs/high-availability.md says.
    @Suite(.serialized) struct MoveToZooKeeperTests {
        @Test(.timeLimit(.minutes(4)))
        func `the state of one controller is moved into ZooKeeper, three lead by it in turn, and no container notices`()
            async throws
        {
            try await ZooKeeperEnsemble.with(jar: needed("APUS_TEST_ZOOKEEPER_JAR")) { ensemble in
                try await withProcesses { cluster in
                    let three = try ThreeControllers(cluster, "\(try ensemble.address("/apus"))")
                    do {
                        try await move(cluster, three)
                    } catch {
                        await three.kill9()
                        throw error
                    }
                    await three.kill9()
                }
            }
        }

        private func move(_ cluster: ClusterProcesses, _ three: ThreeControllers) async throws {
            try await cluster.startAndMeet()
            let app = try await cluster.deploy(service("WEB"), instances: 2)
            let before = try await running(cluster)
            #expect(before.count == 2)

            // Executors are told of all three while the one still leads.
            #expect(await cluster.executor.terminate() == 0)
            try cluster.executor.start(cluster.executorArguments(["--controllers", three.endpoints]))
            try await cluster.settle(app, at: 2)
            #expect(await cluster.controller.terminate() == 0)

            let (file, state) = ("\(cluster.folder)/cluster.jsonl", "\(cluster.folder)/controller")
            try await run(["store", "export", file, "--state", state], cluster)
            try three.controllers[0].start()
            #expect(await three.controllers[0].end() == 5, "it has a state of its own")
            #expect(three.controllers[0].said.contains("apus store import FILE --zookeeper"))
            try FileManager.default.moveItem(atPath: "\(state)/state.db", toPath: "\(cluster.folder)/state.db")
            try three.controllers[0].start()
            #expect(await three.controllers[0].end() == 5, "its cluster is not there yet: an empty one would be led")
            #expect(three.controllers[0].said.contains(" holds no cluster, and "))
            try await run(["store", "import", file] + three.place, cluster)

            for controller in three.controllers { try controller.start() }
            try await cluster.eventually("one of them leads, and has heard of all that runs") {
                let (state, summary) = (try await three.api.cluster(), try await three.api.application(app))
                try check(state["mode"] == "RESTORED" && state["numExecutors"] == 1, "\(state)")
                try check(summary.expected == 2 && summary.healthy == 2, "\(summary)")
            }
            try await cluster.eventually("all three stand in the line, and nothing is imported beside them") {
                let refused = try await run(["store", "import", file, "--replace"] + three.place, cluster, ends: 5)
                try check(refused.contains(" leads, ") && refused.contains(" stands by, "), refused)
            }
            try await run(["store", "confirm", "--yes", "--endpoint", three.endpoints], cluster)
            #expect(try await three.api.cluster()["mode"] == nil)
            #expect(try await running(cluster) == before, "a container was stopped or started")

            try await three.leader().kill9()
            try await cluster.eventually("another one leads") {
                let summary = try await three.api.application(app)
                try check(summary.healthy == 2, "\(summary)")
            }
            #expect(try await running(cluster) == before, "a container was stopped or started")
        }

        /// The cluster's containers that run, and since when.
        private func running(_ cluster: ClusterProcesses) async throws -> [ContainerID: WallTime?] {
            var running: [ContainerID: WallTime?] = [:]
            for container in try await cluster.containers() where container.isRunning {
                running.updateValue(try await cluster.engine.inspect(container.id).startedAt, forKey: container.id)
            }
            return running
        }

        /// - Returns: what it said.
        @discardableResult
        private func run(_ arguments: [String], _ cluster: ClusterProcesses, ends code: Int32 = 0) async throws
            -> String
        {
            let log = "\(cluster.folder)/\(arguments[1])-\(code).log"
            let command = try ApusProcess(arguments, log: log)
            try command.start()
            let end = await command.end()
            try check(end == code, "\(arguments) ended with \(end): \(command.logTail)")
            return command.said
        }
    }

    /// The first of them stands where the cluster's one controller stood, with its directory.
    private struct ThreeControllers {
        /// The options that name where the state is.
        let place: [String]
        let endpoints: String
        let api: APIClient
        let controllers: [ApusProcess]
        private let apis: [APIClient]

        init(_ cluster: ClusterProcesses, _ zooKeeper: String) throws {
            let credential = "\(cluster.folder)/zookeeper-credential"
            try "apus:secret\n".write(toFile: credential, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: credential)
            place = ["--zookeeper", zooKeeper, "--zookeeper-credential-file", credential]
            let addresses = [cluster.address, "127.0.0.1:\(try freePort())", "127.0.0.1:\(try freePort())"]
            apis = addresses.map { APIClient(endpoint: "http://\($0)") }
            endpoints = addresses.map { "http://\($0)" }.joined(separator: ",")
            api = APIClient(endpoint: endpoints)
            var controllers: [ApusProcess] = []
            for (index, address) in addresses.enumerated() {
                let state = "\(cluster.folder)/controller\(index == 0 ? "" : "-\(index + 1)")"
                let arguments = ["controller", "--state", state, "--address", address, "--zookeeper-session", "4s"]
                controllers.append(
                    try ApusProcess(arguments + place, log: "\(cluster.folder)/controller-\(index + 1)-of-3.log")
                )
            }
            self.controllers = controllers
        }

        /// The one that answers.
        func leader() async throws -> ApusProcess {
            var leader: ApusProcess?
            try await until("somebody leads") {
                for (controller, api) in zip(controllers, apis) {
                    do {
                        try await api.ping()
                        leader = controller
                        return
                    } catch {
                        // It stands by; another one may lead.
                        continue
                    }
                }
                try check(false, "nobody does")
            }
            return try #require(leader)
        }

        func kill9() async {
            for controller in controllers { await controller.kill9() }
        }
    }
}
