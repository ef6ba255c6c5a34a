import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Everything begins at once.
extension ServiceTests.LabTests {
    @Test(.timeLimit(.minutes(4)))
    func `full suite: a new cluster whose parts are started at once, in any order, takes work`() async throws {
        let seed = UInt64.random(in: 1...9_999)
        print("the order of the start is that of seed \(seed)")
        var random = SplitMix64(seed: seed)
        try await withLabCluster(controllers: 3, executors: 6, begin: { try await $0.startAtOnce(&random) }) {
            cluster in
            let app = try await deploy(try await cluster.leading().api, "WEB", instances: 6)
            let containers = try cluster.containers()
            #expect(containers.starts(of: app) == 6 && containers.startedAgain.isEmpty)
        }
    }
}

extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(6)), arguments: [Stop.terminated, .killed])
    func `full suite: everything is stopped and started at once, in any order, and all containers run on`(
        stop: Stop
    ) async throws {
        let seed = UInt64.random(in: 1...9_999)
        print("the order of the start is that of seed \(seed)")
        var random = SplitMix64(seed: seed)
        // A task whose start was under way when its executor was killed may never run: it is started at most once.
        try await scenario(tasks: stop == .killed ? .mayBeLost : .run) { scene in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for process in scene.cluster.processes {
                    group.addTask {
                        switch stop {
                        case .terminated: try await process.terminate()
                        case .killed: try await process.kill9()
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await scene.cluster.startAtOnce(&random)
        }
    }

    /// How processes end.
    enum Stop: Sendable {
        case terminated, killed
    }
}
