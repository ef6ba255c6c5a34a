package import ApusModel

/// What a policy looks at of one executor.
struct PolicyHost {
    let executor: ExecutorID
    let traits: HostTraits
    /// The environment in the specification of what is placed; rules ask for it.
    let environment: [String: String]
}

extension PlacementPolicy {
    /// Why no instance may go there, where so many of its version are; `nil` if one may.
    ///
    /// Tagged executors are reserved (contract §3.5): a policy that does not speak of what an executor must be like
    /// takes none of them. LOCAL does: it takes every one.
    func refusal(of host: PolicyHost, having instances: Int) -> RefusalReason? {
        if !choosesHosts, let reason = PlacementPolicy.noTag.ownRefusal(of: host, having: instances) { return reason }
        return ownRefusal(of: host, having: instances)
    }

    /// Of policies of which one is enough it is the first one's reason.
    ///
    /// SPREAD is not for one executor alone to say.
    private func ownRefusal(of host: PolicyHost, having instances: Int) -> RefusalReason? {
        switch self {
        case .any, .local, .spread: return nil
        case .onePerHost: return instances > 0 ? .alreadyOnHost : nil
        case .maxPerHost(let limit): return instances >= limit ? .hostLimit(limit) : nil
        case .matchTag(let tag):
            return host.traits.tags.contains(tag) || host.traits.hostname == tag ? nil : .withoutTag(tag)
        case .noTag: return host.traits.tags.isEmpty ? nil : .tagged
        case .ruleBased(let rule): return rule.refusal(of: host)
        case .composite(let policies, .and):
            return policies.lazy.compactMap { $0.ownRefusal(of: host, having: instances) }.first
        case .composite(let policies, .or):
            let refusals = policies.lazy.map { $0.ownRefusal(of: host, having: instances) }
            return refusals.contains(nil) ? nil : refusals.compactMap(\.self).first
        }
    }

    /// An executor takes an instance where fewer than so many of its version are: what `refusal` says, in one number.
    func limit(on host: PolicyHost) -> Int {
        choosesHosts || host.traits.tags.isEmpty ? ownLimit(on: host) : 0
    }

    private func ownLimit(on host: PolicyHost) -> Int {
        switch self {
        case .onePerHost: 1
        case .maxPerHost(let limit): limit
        case .composite(let policies, .and): policies.map { $0.ownLimit(on: host) }.min() ?? .max
        case .composite(let policies, .or): policies.map { $0.ownLimit(on: host) }.max() ?? .max
        case .any, .local, .spread, .matchTag, .noTag, .ruleBased: ownRefusal(of: host, having: 0) == nil ? .max : 0
        }
    }

    /// Whether its tags alone let an instance go there: limits and rules count as kept (contract §3.6).
    func permitsTags(of traits: HostTraits) -> Bool {
        guard choosesHosts || traits.tags.isEmpty else { return false }
        return holdsTags(of: traits)
    }

    private func holdsTags(of traits: HostTraits) -> Bool {
        switch self {
        case .matchTag(let tag): traits.tags.contains(tag) || traits.hostname == tag
        case .noTag: traits.tags.isEmpty
        case .composite(let policies, .and): policies.allSatisfy { $0.holdsTags(of: traits) }
        case .composite(let policies, .or): policies.contains { $0.holdsTags(of: traits) }
        case .any, .onePerHost, .maxPerHost, .ruleBased, .local, .spread: true
        }
    }

    // MARK: what stands in the tree

    /// A local service's: an executor that is not ready, for want of such, takes it all the same.
    var isLocal: Bool { if case .local = self { true } else { false } }

    /// MATCH_TAG, RULE_BASED or LOCAL stands in it.
    private var choosesHosts: Bool {
        switch self {
        case .matchTag, .ruleBased, .local: true
        case .composite(let policies, _): policies.contains(where: \.choosesHosts)
        case .any, .onePerHost, .maxPerHost, .noTag, .spread: false
        }
    }

    /// RULE_BASED stands in it.
    package var containsRule: Bool {
        switch self {
        case .ruleBased: true
        case .composite(let policies, _): policies.contains(where: \.containsRule)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .local, .spread: false
        }
    }

    /// SPREAD stands in it, or LOCAL, which goes everywhere.
    var decidesOnSpread: Bool {
        switch self {
        case .local, .spread: true
        case .composite(let policies, _): policies.contains(where: \.decidesOnSpread)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased: false
        }
    }

    /// The SPREADs that must all hold; one of which a choice is made holds as soon as any of the others does.
    var spreads: [SpreadPolicy] {
        switch self {
        case .spread(let spread): [spread]
        case .composite(let policies, .and): policies.flatMap(\.spreads)
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased, .composite, .local: []
        }
    }

    /// Every limit of instances per executor in it.
    var limits: Set<Int> {
        switch self {
        case .onePerHost: [1]
        case .maxPerHost(let limit): [limit]
        case .composite(let policies, _): policies.reduce(into: []) { $0.formUnion($1.limits) }
        case .any, .matchTag, .noTag, .ruleBased, .local, .spread: []
        }
    }
}

extension PlacementRule {
    /// A rule that cannot be evaluated accepts nothing (contract §5.4).
    fileprivate func refusal(of host: PolicyHost) -> RefusalReason? {
        let facts = RuleFacts(
            executor: host.executor,
            metadata: host.traits.metadata,
            environment: host.environment
        )
        do throws(RuleError) {
            return try RuleEvaluation(lookUp: facts.value).accepts(self) ? nil : .ruledOut
        } catch {
            return .ruleFails(error.description)
        }
    }
}
