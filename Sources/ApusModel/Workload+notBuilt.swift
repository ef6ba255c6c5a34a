extension Workload {
    /// What this version of Apus cannot run yet, each with a text for whoever asked; empty if it can run all of it.
    ///
    /// Controller and executor both refuse it: nothing that was asked for is silently left out.
    package var partsNotBuilt: [String] {
        var parts: [String] = []
        func later(_ what: String) { parts.append("\(what) with a later version of Apus") }
        if case .application(let spec) = self, spec.type != .service {
            later("type \(spec.type.rawValue): only SERVICE can be run now; the others come")
        }
        // Whose policy can only be LOCAL.
        if case .localService = self { return parts }
        if let policy = placementPolicy.notBuilt { later("placementPolicy: \(policy.typeName) comes") }
        return parts
    }
}

extension PlacementPolicy {
    /// The first part of it that cannot be placed by yet.
    fileprivate var notBuilt: PlacementPolicy? {
        switch self {
        case .any, .onePerHost, .maxPerHost, .matchTag, .noTag, .ruleBased, .spread: nil
        case .composite(let policies, _): policies.lazy.compactMap(\.notBuilt).first
        case .local: self
        }
    }
}
