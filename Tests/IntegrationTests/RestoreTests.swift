import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// A back-up of the controller's store, brought back while everything runs on.
    @Suite(.serialized) struct RestoreTests {
        @Test(.timeLimit(.minutes(4)))
        func `a back-up that is brought back after kill -9 stops nothing that runs, until it is confirmed`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 2)
                let (file, restored) = ("\(cluster.folder)/backup.jsonl", "\(cluster.folder)/restored")
                try await run(["store", "export", file, "--endpoint", "http://\(cluster.address)"], cluster)
                // The back-up knows nothing of these.
                try await cluster.scale(app, to: 3)
                try await cluster.settle(app, at: 3)
                _ = try await cluster.deploy(service("LATER"), instances: 1)
                let before = try await cluster.containers().map(\.id)
                #expect(before.count == 4)
                await cluster.controller.kill9()

                try await run(["store", "import", file, "--state", restored], cluster)
                try cluster.controller.start(["controller", "--state", restored, "--address", cluster.address])
                try await cluster.eventually("it has heard of all that runs, and holds on to it") {
                    let (state, summary) = (try await cluster.api.cluster(), try await cluster.api.application(app))
                    try check(state["mode"] == "RESTORED" && state["heldStops"] == 1, "\(state)")
                    try check(summary.expected == 2 && summary.healthy == 3, "\(summary)")
                }
                try await run(["store", "import", file, "--state", restored, "--replace"], cluster, ends: 5)
                #expect(try await cluster.containers().allSatisfy(\.isRunning))
                #expect(try await cluster.containers().map(\.id) == before, "something was stopped or started")

                try await run(["store", "confirm", "--yes", "--endpoint", "http://\(cluster.address)"], cluster)
                try await cluster.settle(app, at: 2)
                try await cluster.eventually("what the back-up does not know is gone") {
                    let left = try await cluster.containers().filter(\.isRunning).map(\.id)
                    try check(left.count == 2 && left.allSatisfy(before.contains), "\(left)")
                }
                #expect(try await cluster.api.cluster()["mode"] == nil)
            }
        }

        private func run(_ arguments: [String], _ cluster: ClusterProcesses, ends code: Int32 = 0) async throws {
            let command = try ApusProcess(arguments, log: "\(cluster.folder)/commands.log")
            try command.start()
            let end = await command.end()
            try check(end == code, "\(arguments) ended with \(end): \(command.logTail)")
        }
    }
}
