package import ApusModel

extension Ledger {
    /// Finds the best place and holds it for the instance; one that holds a place already keeps it.
    ///
    /// Best is: fewest instances of the application, then the NUMA node left with the fewest free cores (so that big
    /// holes stay whole), then with the least memory, then what `tieBreak` draws. Equal calls give equal answers.
    package mutating func place(_ request: PlacementRequest, tieBreak: UInt64) -> PlacementOutcome {
        if let held = holding(of: request.instance) { return .placed(held.executor, held.allocation) }
        let counts = versionCounts[request.group.version] ?? [:]
        var best: (score: Score, node: Int)?
        var refusals: [RefusalReason: Int] = [:]
        for (ordinal, shelf) in shelves.enumerated() {
            guard let shelf else { continue }
            let count = counts[ordinal] ?? 0
            if let reason = shelf.refusal(of: request, instances: count) {
                refusals[reason, default: 0] += 1
                continue
            }
            for (index, node) in shelf.nodes.enumerated() where node.fits(request) {
                let score = Score(
                    instances: count,
                    coresLeft: node.free.count - request.cores,
                    memoryLeft: node.freeMB - request.memoryMB,
                    draw: mix(tieBreak, ordinal),
                    ordinal: ordinal
                )
                if best.map({ score < $0.score }) ?? true { best = (score, index) }
            }
        }
        guard let best, let executor = shelves[best.score.ordinal]?.id,
            let allocation = shelves[best.score.ordinal]?.nodes[best.node].allocation(for: request)
        else { return .refused(Refusal(refusals)) }
        _ = hold(request.instance, of: request.group, allocation, quantities: request.quantities, on: executor)
        return .placed(executor, allocation)
    }

    /// What each executor would say to the request; `nil`: it would fit.
    package func explain(_ request: PlacementRequest) -> [ExecutorID: RefusalReason?] {
        let counts = versionCounts[request.group.version] ?? [:]
        var answers: [ExecutorID: RefusalReason?] = [:]
        for (ordinal, shelf) in shelves.enumerated() {
            guard let shelf else { continue }
            answers.updateValue(
                shelf.refusal(of: request, instances: counts[ordinal] ?? 0),
                forKey: shelf.id
            )
        }
        return answers
    }
}

/// The order of preference among places: the least is best.
private struct Score: Comparable {
    let instances: Int
    let coresLeft: Int
    let memoryLeft: Int64
    let draw: UInt64
    let ordinal: Int

    static func < (left: Self, right: Self) -> Bool {
        (left.instances, left.coresLeft, left.memoryLeft, left.draw, left.ordinal)
            < (right.instances, right.coresLeft, right.memoryLeft, right.draw, right.ordinal)
    }
}

/// A number that looks drawn at random for the pair (SplitMix64's last step).
private func mix(_ seed: UInt64, _ ordinal: Int) -> UInt64 {
    var bits = seed &+ (UInt64(truncatingIfNeeded: ordinal) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
}

extension Shelf {
    /// Why the request cannot go here, where so many instances of its application are; `nil` if it can.
    func refusal(of request: PlacementRequest, instances: Int) -> RefusalReason? {
        if let only = request.only, only != id { return .notAsked }
        if case .closed(let reason) = admission { return reason }
        if request.avoiding.contains(id) { return .avoided }
        let host = PolicyHost(
            executor: id,
            traits: traits,
            environment: request.environment,
            instances: instances
        )
        if let reason = request.policy.effectiveRefusal(of: host) { return reason }
        if holdings.count >= Ledger.mostInstancesPerExecutor { return .tooManyInstances }
        return shortage(for: request)
    }

    private func shortage(for request: PlacementRequest) -> RefusalReason? {
        guard nodes.contains(where: { $0.fits(request) }) else {
            if nodes.reduce(0, { $0 + $1.free.count }) < request.cores { return .notEnoughCores }
            if nodes.reduce(0, { $0 &+ max(0, $1.freeMB) }) < request.memoryMB { return .notEnoughMemory }
            return .notEnoughOnOneNode
        }
        let lacking = request.quantities.keys.sorted().first { name in
            request.quantities[name, default: 0] > quantities[name, default: 0] &- heldQuantities[name, default: 0]
        }
        return lacking.map { .notEnough(quantity: $0) }
    }
}

extension Shelf.Node {
    func fits(_ request: PlacementRequest) -> Bool {
        free.count >= request.cores && freeMB >= request.memoryMB
    }

    /// The lowest free slots; the node must fit the request.
    func allocation(for request: PlacementRequest) -> ResourceAllocation {
        ResourceAllocation(numaNode: id, cores: free.lowest(request.cores), memoryMB: request.memoryMB)
    }
}
