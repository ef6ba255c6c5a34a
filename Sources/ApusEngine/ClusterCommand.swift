/// A request for change that is about the whole cluster.
package enum ClusterCommand: Hashable, Sendable {
    case setMode(ClusterFacts.Mode)
    case order(DutyOrder, ExecutorSelection)
}

/// What became of one.
package enum ClusterOutcome: Hashable, Sendable {
    /// These facts hold now.
    case facts(ClusterFacts)
    case executors(DutyChange)
}
