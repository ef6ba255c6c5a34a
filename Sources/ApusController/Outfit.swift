import ApusClient
import ApusModel
import Synchronization

/// What a START takes along that no record holds: the instance's token, and the files that the controller fetches.
final class Outfit: Sendable {
    private let configs: ConfigCache
    private let time: TimeSource
    private let tokens = Mutex<InstanceTokens?>(nil)

    init(fetches: [FetchTarget], time: TimeSource) {
        configs = ConfigCache(allowed: fetches)
        self.time = time
    }

    /// Signs with these from now on.
    func take(_ tokens: InstanceTokens) async {
        await tokens.prepare()
        self.tokens.withLock { $0 = tokens }
    }

    /// The command has all that it needs, or it is known that it cannot have it.
    func isComplete(_ command: NodeCommand) -> Bool {
        guard case .start(let spec) = command.order, spec.workload.needsFetching else { return true }
        do throws(FetchFailure) {
            return try configs.filled(spec.workload) != nil
        } catch {
            return true
        }
    }

    /// Fetches what the command lacks.
    func fetch(for command: NodeCommand) async throws {
        guard case .start(let spec) = command.order else { return }
        try await configs.fetch(for: spec.workload)
    }

    /// The command as it leaves; `nil` if what it lacks is to be fetched first.
    ///
    /// - Throws: `FetchFailure` if it could not be.
    func complete(_ command: NodeCommand) async throws -> NodeCommand? {
        guard case .start(var spec) = command.order else { return command }
        if spec.workload.needsFetching {
            guard let filled = try configs.filled(spec.workload) else { return nil }
            spec.workload = filled
        }
        let tokens = tokens.withLock { $0 }
        spec.token = try await tokens?.token(of: spec.id, spec.owner, on: command.executor, at: time().wall)
        var command = command
        command.order = .start(spec)
        return command
    }
}
