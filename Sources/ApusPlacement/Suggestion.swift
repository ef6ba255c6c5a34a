package import ApusModel

/// One change that would make room for a request, the cheaper kinds first.
package enum Suggestion: Hashable, Sendable {
    /// Each of so many suspended executors would take it.
    case resume(executors: Int)
    case raiseHostLimit(to: Int)
    case raiseMaxSkew(to: Int)
    case fewerCores(Int)
    case lessMemory(megabytes: Int64)
    case less(quantity: String, Int64)
    case freeCores(Int, on: ExecutorID)
    case freeMemory(megabytes: Int64, on: ExecutorID)
    case free(quantity: String, Int64, on: ExecutorID)
}

extension Suggestion: CustomStringConvertible {
    /// For people: what to do.
    package var description: String {
        switch self {
        case .resume(1): "resume the suspended executor"
        case .resume(let count): "resume one of \(count) suspended executors"
        case .raiseHostLimit(let limit): "allow \(limit) per host (MAX_N_PER_HOST)"
        case .raiseMaxSkew(let skew): "raise maxSkew of SPREAD to \(skew)"
        case .fewerCores(1): "ask for 1 core fewer"
        case .fewerCores(let count): "ask for \(count) cores fewer"
        case .lessMemory(let amount): "ask for \(amount) MB less memory"
        case .less(let quantity, let amount): "ask for \(amount) less \(quantity)"
        case .freeCores(1, let executor): "free 1 core on executor \(executor)"
        case .freeCores(let count, let executor): "free \(count) cores on executor \(executor)"
        case .freeMemory(let amount, let executor):
            "free \(amount) MB of memory on executor \(executor)"
        case .free(let quantity, let amount, let executor):
            "free \(amount) \(quantity) on executor \(executor)"
        }
    }
}

extension Ledger {
    /// The cheapest single change that would make the request fit; `nil` if it fits, or no single one would do.
    package func suggestion(for request: PlacementRequest) -> Suggestion? {
        guard refusals(of: request).allSatisfy({ $0.reason != nil }) else { return nil }
        let spreads = spreadLimits(of: request)
        let group = groups.number(of: request.group)
        var resumable = 0
        var best: (cost: Cost, suggestion: Suggestion)?
        for (ordinal, shelf) in shelves.enumerated() {
            guard let change = change(on: shelf, ordinal, group, spreads, for: request) else { continue }
            if case .resume = change.suggestion { resumable += 1 }
            if best.map({ change.cost < $0.cost }) ?? true { best = change }
        }
        guard case .resume? = best?.suggestion else { return best?.suggestion }
        return .resume(executors: resumable)
    }

    /// The only thing that keeps the executor from taking the request, undone; `nil` if more than one does.
    private func change(
        on shelf: Shelf,
        _ ordinal: Int,
        _ group: Int?,
        _ spreads: [SpreadLimit],
        for request: PlacementRequest
    ) -> (cost: Cost, suggestion: Suggestion)? {
        var changes: [(cost: Cost, suggestion: Suggestion)?] = []
        switch shelf.closing(for: request) {
        case .suspendedByOperator?: changes.append((Cost(rank: 0), .resume(executors: 1)))
        case .some: return nil
        case nil: break
        }
        let count = groups.instances(of: group, on: ordinal)
        switch shelf.refusal(byPolicyOf: request, instances: count) {
        case .alreadyOnHost?, .hostLimit?:
            guard count < PlacementPolicy.mostPerHost else { return nil }
            changes.append((Cost(rank: 1, part: Double(count)), .raiseHostLimit(to: count + 1)))
        case .some: return nil
        case nil: break
        }
        for limit in spreads where limit.refusal(of: shelf) != nil {
            guard let skew = limit.skew(of: shelf), skew <= SpreadPolicy.mostSkew else { return nil }
            changes.append((Cost(rank: 2, part: Double(skew)), .raiseMaxSkew(to: skew)))
        }
        guard shelf.hasRoomForOneMore else { return nil }
        if shelf.shortage(for: request) != nil { changes.append(shelf.relief(for: request)) }
        return changes.count == 1 ? changes[0] : nil
    }
}

/// What is cheaper comes first.
private struct Cost: Comparable {
    /// Of the kind of change.
    var rank: Int
    /// Among changes of a kind.
    var part = 0.0

    static func < (left: Self, right: Self) -> Bool {
        (left.rank, left.part) < (right.rank, right.part)
    }
}

extension Shelf {
    /// The least change of what is asked for, or of what is taken, that would make it fit.
    fileprivate func relief(for request: PlacementRequest) -> (cost: Cost, suggestion: Suggestion)? {
        guard let name = lacking(request.quantities) else { return reliefOnNode(for: request) }
        guard bestNode(for: request) != nil, let wanted = request.quantities[name], wanted > 0 else {
            return nil
        }
        // Another quantity may be lacking too.
        var others = request.quantities
        others[name] = nil
        guard lacking(others) == nil else { return nil }
        let free = freeQuantities[name] ?? 0
        let (amount, part) = (wanted - free, Double(wanted - free) / Double(wanted))
        if free > 0 { return (Cost(rank: 3, part: part), .less(quantity: name, amount)) }
        return topology.quantities[name] ?? 0 < wanted
            ? nil : (Cost(rank: 4, part: part), .free(quantity: name, amount, on: id))
    }

    private func reliefOnNode(for request: PlacementRequest) -> (cost: Cost, suggestion: Suggestion)? {
        nodes.compactMap { node -> (cost: Cost, suggestion: Suggestion)? in
            let cores = request.cores - node.free.count
            let memory = request.memoryMB &- node.freeMB
            if cores > 0, memory <= 0 {
                let part = Double(cores) / Double(request.cores)
                if cores < request.cores { return (Cost(rank: 3, part: part), .fewerCores(cores)) }
                return node.offered.count < request.cores
                    ? nil : (Cost(rank: 4, part: part), .freeCores(cores, on: id))
            }
            if memory > 0, cores <= 0 {
                let part = Double(memory) / Double(request.memoryMB)
                if memory < request.memoryMB {
                    return (Cost(rank: 3, part: part), .lessMemory(megabytes: memory))
                }
                return node.memoryMB < request.memoryMB
                    ? nil : (Cost(rank: 4, part: part), .freeMemory(megabytes: memory, on: id))
            }
            return nil
        }.min { $0.cost < $1.cost }
    }
}
