package import ApusModel

extension Ledger {
    /// What each executor would say to the request; `nil`: it would fit.
    package func explain(_ request: PlacementRequest) -> [ExecutorID: RefusalReason?] {
        var answers: [ExecutorID: RefusalReason?] = [:]
        for (ordinal, reason) in refusals(of: request) {
            answers.updateValue(reason, forKey: shelves[ordinal].id)
        }
        return answers
    }

    /// Why no executor takes it; `nil` if one does.
    package func refusal(of request: PlacementRequest) -> Refusal? {
        let answers = refusals(of: request)
        return answers.contains { $0.reason == nil } ? nil : Refusal(answers.compactMap(\.reason))
    }

    /// Why each executor, or each of some, does not take the request, by looking at it; `nil`: it does.
    func refusals(
        of request: PlacementRequest,
        on ordinals: [Int]? = nil
    ) -> [(ordinal: Int, reason: RefusalReason?)] {
        let spreads = spreadLimits(of: request)
        let group = groups.number(of: request.group)
        return (ordinals ?? Array(shelves.indices)).compactMap { ordinal in
            let shelf = shelves[ordinal]
            guard !shelf.isVacant else { return nil }
            let count = groups.instances(of: group, on: ordinal)
            let reason =
                shelf.closing(for: request) ?? shelf.refusal(byPolicyOf: request, instances: count)
                ?? spreads.lazy.compactMap { $0.refusal(of: shelf) }.first
                ?? (shelf.hasRoomForOneMore ? shelf.shortage(for: request) : .tooManyInstances)
            return (ordinal, reason)
        }
    }

    /// Why that executor does not take the request; `nil` if it does, or is unknown.
    package func refusal(of request: PlacementRequest, on executor: ExecutorID) -> RefusalReason? {
        ordinals[executor].flatMap { refusals(of: request, on: [$0]).first?.reason }
    }

    /// What the hard SPREADs of the request allow now.
    func spreadLimits(of request: PlacementRequest) -> [SpreadLimit] {
        let policy = request.policy
        return spreads(of: policy.spreads, !policy.decidesOnSpread && request.takesDefaultSpread).filter {
            $0.enforcement == .hard
        }
        .map { spread in
            var counts: [String: Int] = [:]
            for (ordinal, count) in groups.instances(countedBy: .init(spread, request.group)) {
                guard let place = shelves[ordinal].place(on: spread.axis) else { continue }
                counts[place, default: 0] += count
            }
            var least: Int?
            for shelf in shelves
            where shelf.isOpen && shelf.refusal(byPolicyOf: request, instances: 0) == nil {
                guard let place = shelf.place(on: spread.axis) else { continue }
                least = min(least ?? .max, counts[place] ?? 0)
            }
            return SpreadLimit(spread: spread, counts: counts, least: least ?? 0)
        }
    }
}

/// What a hard SPREAD allows in each place.
struct SpreadLimit {
    let spread: SpreadPolicy
    /// Instances by place.
    let counts: [String: Int]
    /// The least count of the places that are open, full or not.
    let least: Int

    /// By how much the place of the executor would have more than the least after one more; `nil`: it is in none.
    func skew(of shelf: Shelf) -> Int? {
        shelf.place(on: spread.axis).map { (counts[$0] ?? 0) + 1 - least }
    }

    func refusal(of shelf: Shelf) -> RefusalReason? {
        guard let skew = skew(of: shelf) else { return .placeless(spread.axis.name) }
        return skew > max(1, spread.maxSkew)
            ? .uneven(over: spread.axis.name, maxSkew: spread.maxSkew) : nil
    }
}

extension Shelf {
    /// Why it takes nothing of that request, whatever it asks for; `nil` if it may.
    func closing(for request: PlacementRequest) -> RefusalReason? {
        if let only = request.only, only != id { return .notAsked }
        if case .closed(let reason) = admission, !(reason == .unready && request.policy.isLocal) { return reason }
        return request.avoiding.contains(id) ? .avoided : nil
    }

    func refusal(byPolicyOf request: PlacementRequest, instances: Int) -> RefusalReason? {
        let host = PolicyHost(executor: id, traits: traits, environment: request.environment)
        return request.policy.refusal(of: host, having: instances)
    }

    fileprivate func place(on axis: SpreadPolicy.Axis) -> String? {
        axis == .host ? id.rawValue : traits.place(on: axis)
    }
}

extension SpreadPolicy.Axis {
    /// For people, of one place.
    fileprivate var name: String {
        switch self {
        case .zone: "zone"
        case .host: "host"
        case .metadata(let key): "metadata \(key)"
        }
    }
}
