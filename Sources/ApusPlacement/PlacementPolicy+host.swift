import ApusModel

/// What a policy looks at: one executor, and how many instances of the version it has.
struct PolicyHost {
    var executor: ExecutorID
    var traits: HostTraits
    /// Of the specification that is to be placed.
    var environment: [String: String]
    var instances: Int
}

extension PlacementPolicy {
    /// Why no instance may go there; `nil` if one may.
    ///
    /// Tagged executors are reserved (contract §3.5): a policy that does not speak of what an executor must be like
    /// takes none of them. LOCAL does: it takes every one.
    func effectiveRefusal(of host: PolicyHost) -> RefusalReason? {
        if !choosesHosts, let reason = PlacementPolicy.noTag.refusal(of: host) { return reason }
        return refusal(of: host)
    }

    /// MATCH_TAG, RULE_BASED or LOCAL stands somewhere in the tree.
    private var choosesHosts: Bool {
        switch self {
        case .matchTag, .ruleBased, .local: true
        case .composite(let policies, _): policies.contains(where: \.choosesHosts)
        case .any, .onePerHost, .maxPerHost, .noTag, .spread: false
        }
    }

    /// Of policies of which one is enough it is the first one's reason.
    private func refusal(of host: PolicyHost) -> RefusalReason? {
        let traits = host.traits
        switch self {
        case .any, .local: return nil
        case .onePerHost: return host.instances > 0 ? .alreadyOnHost : nil
        case .maxPerHost(let limit): return host.instances >= limit ? .hostLimit(limit) : nil
        case .matchTag(let tag):
            return traits.tags.contains(tag) || traits.hostname == tag ? nil : .withoutTag(tag)
        case .noTag: return traits.tags.isEmpty ? nil : .tagged
        case .composite(let policies, .and): return policies.lazy.compactMap { $0.refusal(of: host) }.first
        case .composite(let policies, .or):
            let refusals = policies.lazy.map { $0.refusal(of: host) }
            return refusals.contains(nil) ? nil : refusals.compactMap(\.self).first
        case .ruleBased(let rule): return rule.refusal(of: host)
        case .spread: return .unsupportedPolicy(typeName)
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
