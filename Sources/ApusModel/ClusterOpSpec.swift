/// How an operation is carried out.
package struct ClusterOpSpec: SpecPart {
    /// What is done when an operation fails: STOP leaves the number of instances that was asked for, ROLLBACK restores
    /// the one from before.
    package enum FailureStrategy: String, Sendable, CaseIterable {
        case stop = "STOP"
        case rollback = "ROLLBACK"
    }
    /// Of each round of `parallelism` instances.
    package var timeout: DurationText
    /// 1 to 512 instances at a time.
    package var parallelism: Int
    package var failureStrategy: FailureStrategy

    package init(timeout: DurationText, parallelism: Int, failureStrategy: FailureStrategy = .stop) {
        self.timeout = timeout
        self.parallelism = parallelism
        self.failureStrategy = failureStrategy
    }

    /// What holds where none is given: 300 seconds, one at a time, STOP.
    package static let standard = ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: 1)

    package init(_ reader: SpecReader) {
        self.init(
            timeout: reader.duration("timeout"),
            parallelism: Int(reader.integer("parallelism", in: 1...512)),
            failureStrategy: reader.choice("failureStrategy")
        )
    }

    package var json: JSON {
        .members([
            "timeout": timeout.json, "parallelism": .integer(Int64(parallelism)),
            "failureStrategy": .string(failureStrategy.rawValue),
        ])
    }
}
