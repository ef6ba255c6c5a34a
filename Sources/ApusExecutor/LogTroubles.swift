import ApusModel
import Logging
import Synchronization

/// Whose output cannot be read or written now, and why.
final class LogTroubles: Sendable {
    private let logger: Logger
    private let errors = Mutex<[InstanceID: any Error]>([:])

    init(logger: Logger) { self.logger = logger }

    /// For people: only of what cannot be written; what cannot be read is the engine's trouble, which is told elsewhere.
    var warnings: [String] {
        let failures = errors.withLock { $0.values.compactMap { $0 as? FileFailure } }
        guard let first = failures.map(\.description).min() else { return [] }
        let whose = failures.count == 1 ? "one container" : "\(failures.count) containers"
        return ["the output of \(whose) cannot be written now and waits at the engine: \(first)"]
    }

    func met(_ error: any Error, _ instance: InstanceID) {
        guard errors.withLock({ $0.updateValue(error, forKey: instance) == nil }) else { return }
        logger.warning(
            "output cannot be written now, it waits at the engine",
            metadata: ["instance.id": "\(instance)", "error": "\(error)"]
        )
    }

    func passed(_ instance: InstanceID) {
        guard errors.withLock({ $0.removeValue(forKey: instance) != nil }) else { return }
        logger.info("output is written again", metadata: ["instance.id": "\(instance)"])
    }

    /// Nothing more comes of it.
    func forget(_ instance: InstanceID) { errors.withLock { $0[instance] = nil } }
}
