package import ApusModel
import Synchronization

/// What a START takes along that no record holds: the instance's token, and the files that the controller fetches.
package final class Outfit: Sendable {
    private let configs: ConfigCache
    private let time: TimeSource
    private let tokens = Mutex<InstanceTokens?>(nil)

    package init(configs: ConfigCache, time: TimeSource) {
        self.configs = configs
        self.time = time
    }

    convenience init(fetches: [FetchTarget], time: TimeSource) {
        self.init(configs: ConfigCache(allowed: fetches, time: time), time: time)
    }

    /// Signs with these from now on.
    func take(_ tokens: InstanceTokens) async {
        await tokens.prepare()
        self.tokens.withLock { $0 = tokens }
    }

    /// Fetches what is asked for until cancelled.
    func run() async { await configs.run() }

    /// The workload with the files that the controller fetches for it.
    ///
    /// - Throws: `FetchFailure` if one could not be had, `CancellationError` when the task was cancelled.
    package func filled(_ workload: Workload) async throws -> Workload { try await configs.filled(workload) }

    /// The command as it leaves.
    package func signed(_ command: NodeCommand) async throws -> NodeCommand {
        guard case .start(var spec) = command.order else { return command }
        let tokens = tokens.withLock { $0 }
        spec.token = try await tokens?.token(of: spec.id, spec.owner, on: command.executor, at: time().wall)
        var command = command
        command.order = .start(spec)
        return command
    }
}
