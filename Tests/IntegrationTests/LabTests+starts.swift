import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Everything begins at once.
extension ServiceTests.LabTests {
    @Test(.timeLimit(.minutes(4)))
    func `a new cluster whose parts are started at once, in any order, takes work`() async throws {
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
    @Test(.timeLimit(.minutes(6)))
    func `everything is stopped and started at once, in any order, and all containers run on`() async throws {
        try await startAll(after: .terminated)
    }

    @Test(.timeLimit(.minutes(6)))
    func `full suite: everything is killed and started at once, in any order, and all containers run on`() async throws
    {
        try await startAll(after: .killed)
    }

    private func startAll(after stop: Stop) async throws {
        let seed = UInt64.random(in: 1...9_999)
        print("the order of the start is that of seed \(seed)")
        var random = SplitMix64(seed: seed)
        // A task whose start was under way when its executor was killed may never run: it is started at most once.
        try await scenario(tasks: stop == .killed ? .mayBeLost : .run, hosts: 1) { scene in
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
