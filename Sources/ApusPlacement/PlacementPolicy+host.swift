import ApusModel

/// What a policy looks at: one executor, and how many instances of the application it has.
struct PolicyHost {
    var hostname: String
    /// Those it was given; the hostname is a tag beside them.
    var tags: Set<String>
    var instances: Int
}

extension PlacementPolicy {
    /// Why no instance may go there; `nil` if one may.
    ///
    /// Of policies of which one is enough it is the first one's reason.
    func refusal(of host: PolicyHost) -> RefusalReason? {
        switch self {
        case .any: return nil
        case .onePerHost: return host.instances > 0 ? .alreadyOnHost : nil
        case .maxPerHost(let limit): return host.instances >= limit ? .hostLimit(limit) : nil
        case .matchTag(let tag): return host.tags.contains(tag) || host.hostname == tag ? nil : .withoutTag(tag)
        case .noTag: return host.tags.isEmpty ? nil : .tagged
        case .composite(let policies, .and): return policies.lazy.compactMap { $0.refusal(of: host) }.first
        case .composite(let policies, .or):
            let refusals = policies.lazy.map { $0.refusal(of: host) }
            return refusals.contains(nil) ? nil : refusals.compactMap(\.self).first
        case .ruleBased, .local, .spread: return .unsupportedPolicy(typeName)
        }
    }
}
