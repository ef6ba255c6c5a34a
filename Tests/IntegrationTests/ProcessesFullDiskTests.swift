import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Glibc
import Testing

extension ServiceTests {
    @Suite(.serialized) struct ProcessesFullDiskTests {
        @Test(.timeLimit(.minutes(3)))
        func `a controller whose disk is full refuses changes with the reason, loses nothing, and goes on`()
            async throws
        {
            try await withProcesses { cluster in
                let state = "\(cluster.folder)/controller"
                try await withSmallDisk(at: state) {
                    try await cluster.startAndMeet()
                    let app = try await cluster.deploy(service("WEB"), instances: 2)
                    let before = try await cluster.containers().map(\.id)
                    try fill(state)

                    try await expectRefused(cluster, app)
                    // Together longer than it takes to give an executor up that is not heard.
                    try await expectRefused(cluster, AppID("NOT-THERE-1"))
                    let waited = ContinuousClock.now + .seconds(12)
                    try await cluster.eventually("an executor's silence would have been noticed") {
                        try check(ContinuousClock.now > waited, "not yet")
                    }
                    #expect(try await cluster.api.cluster()["numExecutors"] == 1, "and it can be read all the while")
                    #expect(try await cluster.containers().filter(\.isRunning).map(\.id) == before)
                    #expect(
                        !cluster.controller.said.contains("is lost") && !cluster.controller.said.contains("is silent")
                    )

                    try FileManager.default.removeItem(atPath: "\(state)/filler")
                    try await cluster.eventually("changes are accepted again") { try await cluster.scale(app, to: 4) }
                    try await cluster.settle(app, at: 4)
                    #expect(Set(try await cluster.containers().map(\.id)).isSuperset(of: before))
                    #expect(try await cluster.api.endedInstances(of: app, atMost: 10).isEmpty, "none was replaced")
                    await cluster.controller.kill9()
                }
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `an executor whose disk for logs is full keeps its containers, takes more, says so, and loses no line`()
            async throws
        {
            try await withProcesses { cluster in
                let logs = "\(cluster.folder)/logs"
                try await withSmallDisk(at: logs) {
                    try fill(logs)
                    try cluster.controller.start()
                    try cluster.executor.start(
                        cluster.executorArguments(["--controllers", "http://\(cluster.address)", "--log-root", logs])
                    )
                    try await cluster.meet()
                    let app = try await cluster.deploy(service("WEB"), instances: 2)
                    let before = try await cluster.containers().map(\.id)
                    let task = TaskID(source: "TEST", name: "LINES")
                    try await cluster.api.operateTask([
                        "type": "CREATE",
                        "spec": shellTask(task, "for i in $(busybox seq 500); do echo line $i; done; sleep 600"),
                        "opSpec": DevCluster.opSpec(parallelism: 1),
                    ])
                    try await cluster.eventually("the state says so") {
                        let executor = try #require(try await cluster.api.executorSummaries().first)
                        try check(executor.warnings.first?.contains("No space left on device") ?? false, "no warning")
                        try check(executor.state == "ACTIVE" && executor.troubles.isEmpty, "it is \(executor.json)")
                    }
                    let more = try await cluster.deploy(service("MORE"), instances: 2)
                    let running = try await cluster.containers().filter(\.isRunning).map(\.id)
                    #expect(Set(running).isSuperset(of: before), "the containers run on")

                    try FileManager.default.removeItem(atPath: "\(logs)/filler")
                    let files = LogClient(
                        cluster.api,
                        kind: "tasks",
                        owner: task.source,
                        name: task.name
                    )
                    let wanted = (1...500).map { "out line \($0)" }
                    try await cluster.eventually("all of it is written, and nothing is left to tell") {
                        let text = try await files.read("output.log", offset: 0, length: 1 << 20).data
                        let lines = text.split(separator: "\n").map { String($0.dropFirst(31)) }
                        try check(lines == wanted, "\(lines.count) lines")
                        let warnings = try await cluster.api.executorSummaries().first?.warnings
                        try check(warnings == [], "it says \(String(describing: warnings))")
                    }
                    try await cluster.settle(app, at: 2)
                    try await cluster.settle(more, at: 2)
                    await cluster.executor.kill9()
                }
            }
        }

        /// Asks for three instances; the answer is 503 with a reason.
        private func expectRefused(_ cluster: ClusterProcesses, _ app: AppID) async throws {
            do {
                try await cluster.scale(app, to: 3)
                Issue.record("\(app): a change was accepted that cannot be stored")
            } catch let error as ClientError {
                guard case .status(503, let text) = error.code else {
                    Issue.record("\(app): \(error)")
                    return
                }
                #expect(text.contains("store"), "\(app): \(text)")
            }
        }

        private func fill(_ path: String) throws {
            let descriptor = open("\(path)/filler", O_WRONLY | O_CREAT, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            let block = [UInt8](repeating: 0, count: 4096)
            // The disk is small: 16 MiB.
            while write(descriptor, block, block.count) == block.count {}
            #expect(errno == ENOSPC)
        }

        private func withSmallDisk(at path: String, _ body: () async throws -> Void) async throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try await root("mount", "-t", "tmpfs", "-o", "size=16m,mode=0777", "apus-test", path)
            do {
                try await body()
            } catch {
                try await root("umount", "-l", path)
                throw error
            }
            try await root("umount", "-l", path)
        }

        private func root(_ command: String...) async throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = (getuid() == 0 ? [] : ["sudo", "-n"]) + command
            let status = try await ProcessLife(process).end(within: 30)
            try check(status == 0, "\(command) ended with \(status)")
        }
    }
}
