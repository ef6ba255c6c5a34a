package import ApusModel
package import ApusPlacement

/// Where instances would go, were they wanted now: pure, on a ledger of one's own.
package struct PlacementSimulation: Sendable {
    /// The executors, in the order of placement.
    package private(set) var places: [ExecutorID] = []
    /// Why no more of them fit; `nil` if all do.
    package private(set) var refusal: Refusal?
    package private(set) var suggestion: Suggestion?

    /// Places so many instances of the specification; `ledger` is changed by it.
    package init(of workload: Workload, instances: Int, group: PlacementGroup, on ledger: inout Ledger) {
        var random = SplitMix64(seed: 0)
        for number in 0..<instances {
            // No live instance is called so: what follows the prefix is a UUID.
            let request = PlacementRequest(InstanceID("simulated-\(number)"), for: workload, group: group)
            switch ledger.place(request, tieBreak: random.next()) {
            case .placed(let executor, _): places.append(executor)
            case .refused(let refusal):
                self.refusal = refusal
                suggestion = ledger.suggestion(for: request)
                return
            }
        }
    }
}
