import ApusModel
import ApusStore
import ApusTelemetry
import CoreMetrics

/// What the operations of a store took, counted.
struct StoreNumbers: Sendable {
    private static let operations = ["LIST", "COMMIT", "EPOCH"]
    private static let outcomes: [StoreObservation.Outcome] = [.done, .fenced, .unavailable, .refused]

    private let metrics: MetricRegistry

    init(_ metrics: MetricRegistry) {
        self.metrics = metrics
        metrics.describe([
            "apus.controller.store.operations":
                "Operations of the store, and how long they took, by operation and outcome.",
            "apus.controller.store.bytes": "Bytes read from the store and written to it, by operation.",
        ])
        // A counter that is not there cannot be told from one that nothing has happened to.
        for operation in Self.operations {
            for outcome in Self.outcomes { _ = timer(operation, outcome) }
        }
        for operation in ["LIST", "COMMIT"] { bytes(operation).increment(by: 0) }
    }

    /// An operation has ended.
    func took(_ observation: StoreObservation) {
        let word = observation.operation.word
        timer(word, observation.outcome).recordNanoseconds(observation.duration.nanoseconds)
        if observation.bytes > 0 { bytes(word).increment(by: Int64(observation.bytes)) }
    }

    private func timer(_ operation: String, _ outcome: StoreObservation.Outcome) -> CoreMetrics.Timer {
        CoreMetrics.Timer(
            label: "apus.controller.store.operations",
            dimensions: [("operation", operation), ("outcome", outcome.word)],
            factory: metrics
        )
    }

    private func bytes(_ operation: String) -> Counter {
        Counter(label: "apus.controller.store.bytes", dimensions: [("operation", operation)], factory: metrics)
    }
}

extension StoreObservation.Operation {
    fileprivate var word: String {
        switch self {
        case .list: "LIST"
        case .commit: "COMMIT"
        case .epoch: "EPOCH"
        }
    }
}

extension StoreObservation.Outcome {
    fileprivate var word: String {
        switch self {
        case .done: "DONE"
        case .fenced: "FENCED"
        case .unavailable: "UNAVAILABLE"
        case .refused: "REFUSED"
        }
    }
}
