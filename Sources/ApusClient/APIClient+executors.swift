package import ApusModel

/// Calls about executors.
extension APIClient {
    /// Which executors a call is about: ids, tags and zones together.
    package struct Selection: Sendable {
        package var ids: [ExecutorID]
        package var tags: [String]
        package var zones: [String]

        package init(ids: [ExecutorID], tags: [String], zones: [String]) {
            self.ids = ids
            self.tags = tags
            self.zones = zones
        }

        fileprivate var query: String {
            (ids.map { "id=\(HTTPCall.encoded($0.rawValue))" } + tags.map { "tag=\(HTTPCall.encoded($0))" }
                + zones.map { "zone=\(HTTPCall.encoded($0))" }).joined(separator: "&")
        }
    }

    /// What may be asked of executors, as the API's paths name it.
    package enum DutyOrder: String, Sendable {
        case blacklist, unblacklist, suspend, resume, retire
    }

    /// Live ones first.
    package func executorSummaries() async throws -> [ExecutorSummary] {
        guard case .array(let elements) = try await executors() else { throw unreadable("cluster/executors") }
        return try elements.map { element in
            try read("cluster/executors") { try ExecutorSummary(json: element) }
        }
    }

    /// One executor with what runs there.
    package func executor(_ id: ExecutorID) async throws -> JSON {
        try await get("cluster/executors/\(part(id))")
    }

    /// Lets the stops leave that are held; a dry run only lists them.
    package func confirmStops(isDryRun: Bool) async throws -> JSON {
        try await post("cluster/strays/confirm?dryRun=\(isDryRun)", nil)
    }

    /// Lets a restored state hold; a dry run only lists what that stops.
    package func confirmRestoration(isDryRun: Bool) async throws -> JSON {
        try await post("cluster/restored/confirm?dryRun=\(isDryRun)", nil)
    }

    /// Asks something of executors; `options` are further parts of the query.
    package func order(_ order: DutyOrder, _ selection: Selection, options: [String] = []) async throws -> JSON {
        let query = ([selection.query] + options).joined(separator: "&")
        return try await post("cluster/executors/\(order.rawValue)?\(query)", nil)
    }
}
