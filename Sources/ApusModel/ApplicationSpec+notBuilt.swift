extension ApplicationSpec {
    /// What this version of Apus cannot run yet, each with a text for whoever asked; empty if it can run all of it.
    ///
    /// Controller and executor both refuse it: nothing that was asked for is silently left out.
    package var partsNotBuilt: [String] {
        var parts: [String] = []
        func later(_ what: String) { parts.append("\(what) with a later version of Apus") }
        if type != .service { later("type \(type.rawValue): only SERVICE can be run now; the others come") }
        if !volumes.isEmpty { later("volumes: mounted host directories come") }
        if !configs.isEmpty { later("configs: configuration files come") }
        if !devices.isEmpty { later("devices: devices come") }
        for (name, check) in [("healthcheck", healthcheck), ("readiness", readiness)] {
            switch check.mode {
            case .command: later("\(name): command checks come")
            case .http(let http) where http.scheme == .https: later("\(name): HTTPS checks come")
            case .http: break
            }
        }
        if preShutdown?.hooks.isEmpty == false { later("preShutdown: hooks come") }
        if case .rsyslog = logging { later("logging: RSYSLOG comes") }
        switch placementPolicy {
        case nil, .any, .onePerHost, .maxPerHost: break
        case .matchTag, .noTag, .ruleBased, .composite, .local:
            later("placementPolicy: \(placementPolicy?.typeName ?? "") comes")
        }
        return parts
    }
}

extension ClusterOpSpec {
    /// As `ApplicationSpec.partsNotBuilt`.
    package var partsNotBuilt: [String] {
        failureStrategy == .rollback
            ? ["opSpec.failureStrategy: ROLLBACK comes with a later version of Apus; use STOP"] : []
    }
}
