package import ApusModel

/// A request for change that is about the whole cluster.
package enum ClusterCommand: Hashable, Sendable {
    case setMode(ClusterFacts.Mode)
    case order(DutyOrder, ExecutorSelection)
    /// How applications are spread whose policy does not say; `nil`: as it comes.
    case setSpread(SpreadPolicy?)
}

/// What became of one.
package enum ClusterOutcome: Hashable, Sendable {
    /// These facts hold now.
    case facts(ClusterFacts)
    case executors(DutyChange)
}
