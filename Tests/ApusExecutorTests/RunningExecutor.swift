import ApusExecutor
import ApusModel
import ApusTestKit
import ServiceLifecycle

/// Runs an executor around `body`, which begins once it answers, and ends it as a service manager does.
func withExecutor(_ executor: Executor, answers: () async -> Bool, _ body: () async throws -> Void) async throws {
    let services = ServiceGroup(services: [executor], logger: LoopRig.logger)
    var result = Result<Void, any Error>.success(())
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await services.run() }
        do {
            try await eventually("the executor answers") { await answers() }
            try await body()
        } catch {
            result = .failure(error)
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
    }
    try result.get()
}

extension ExecutorSettings {
    /// Of one whose container engine is not there.
    static func withoutEngine(in scratch: Scratch, port: Int) -> ExecutorSettings {
        ExecutorSettings(
            cluster: ClusterID("cluster"),
            stateDirectory: "\(scratch.path)/node",
            hostname: "box",
            address: "127.0.0.1",
            port: port,
            engineSocket: "\(scratch.path)/no-engine.sock",
            sharing: .shared(multiplier: 4),
            publishAddress: "127.0.0.1"
        )
    }
}
