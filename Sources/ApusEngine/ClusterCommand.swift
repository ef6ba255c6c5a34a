package import ApusModel

/// A request for change that is about the whole cluster.
package enum ClusterCommand: Hashable, Sendable {
    case setMode(ClusterFacts.Mode)
    case order(DutyOrder, ExecutorSelection)
    /// How applications are spread whose policy does not say; `nil`: as it comes.
    case setSpread(SpreadPolicy?)
    /// Lets the stops leave that are held now.
    case confirmStops
    /// The imported state is to hold.
    case confirmRestoration
}

/// What became of one.
package enum ClusterOutcome: Hashable, Sendable {
    /// These facts hold now.
    case facts(ClusterFacts)
    case executors(DutyChange)
    /// These stops leave.
    case released([HeldStop])
    case restored(StopsAfterRestoration)
}
