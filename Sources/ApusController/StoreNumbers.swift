import ApusModel
package import ApusStore
package import ApusTelemetry
import CoreMetrics
import Synchronization

/// What the operations of a store took, counted.
package final class StoreNumbers: Sendable {
    private static let operations = ["LIST", "COMMIT", "EPOCH", "PREPARE", "FOLLOW"]
    private static let outcomes: [StoreObservation.Outcome] = [.done, .fenced, .unavailable, .refused]

    private let metrics: MetricRegistry
    /// The bytes of the largest batch that was stored.
    private let largest = Mutex(0)

    package init(_ metrics: MetricRegistry) {
        self.metrics = metrics
        metrics.describe([
            "apus.controller.store.operations":
                "Operations of the store, and how long they took, by operation and outcome.",
            "apus.controller.store.bytes": "Bytes read from the store and written to it, by operation.",
            "apus.controller.store.commit.largest.bytes": "The largest batch that was stored since the start.",
        ])
        _ = largestGauge
        // A counter that is not there cannot be told from one that nothing has happened to.
        for operation in Self.operations {
            for outcome in Self.outcomes { _ = timer(operation, outcome) }
        }
        for operation in ["LIST", "COMMIT", "FOLLOW"] { bytes(operation).increment(by: 0) }
    }

    /// An operation has ended.
    package func took(_ observation: StoreObservation) {
        let word = observation.operation.word
        timer(word, observation.outcome).recordNanoseconds(observation.duration.nanoseconds)
        if observation.bytes > 0 { bytes(word).increment(by: Int64(observation.bytes)) }
        guard observation.operation == .commit else { return }
        largest.withLock { largest in
            guard observation.bytes > largest else { return }
            largest = observation.bytes
            largestGauge.record(largest)
        }
    }

    private var largestGauge: Gauge { Gauge(label: "apus.controller.store.commit.largest.bytes", factory: metrics) }

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
        case .prepare: "PREPARE"
        case .follow: "FOLLOW"
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
