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
        if case .localService(let service) = workload {
            spread(service, instances, on: &ledger)
        } else {
            place(workload, instances, group, on: &ledger)
        }
    }

    /// No live instance is called so: what follows the prefix is a UUID.
    private static func name(_ number: Int) -> InstanceID { InstanceID("simulated-\(number)") }

    private mutating func place(
        _ workload: Workload,
        _ instances: Int,
        _ group: PlacementGroup,
        on ledger: inout Ledger
    ) {
        var random = SplitMix64(seed: 0)
        for number in 0..<instances {
            let request = PlacementRequest(Self.name(number), for: workload, group: group)
            switch ledger.place(request, tieBreak: random.next()) {
            case .placed(let executor, _): places.append(executor)
            case .refused(let refusal):
                self.refusal = refusal
                suggestion = ledger.suggestion(for: request)
                return
            }
        }
    }

    /// A local service goes from executor to executor, and has no more on one than they are on average.
    private mutating func spread(_ service: LocalServiceSpec, _ instances: Int, on ledger: inout Ledger) {
        let workload = Workload.localService(service)
        let anywhere = PlacementRequest(InstanceID(""), for: workload, group: workload.owner.placementGroup(name: nil))
        var reasons = ledger.explain(anywhere)
        let able = reasons.keys.sorted().filter { ledger.admission(of: $0)?.takesLocalServices ?? false }
        let most = (instances + max(1, able.count) - 1) / max(1, able.count)
        for _ in 0..<most {
            for executor in able where places.count < instances && (reasons[executor] ?? nil) == nil {
                let request = PlacementRequest(Self.name(places.count), of: service, on: executor)
                if let reason = ledger.refusal(of: request, on: executor) {
                    reasons.updateValue(reason, forKey: executor)
                } else if case .placed = ledger.place(request, tieBreak: 0) {
                    places.append(executor)
                }
            }
        }
        guard places.count < instances else { return }
        refusal = Refusal(reasons.values.map { $0 ?? .hostLimit(most) })
    }
}
