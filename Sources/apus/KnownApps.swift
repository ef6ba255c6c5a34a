import ApusClient
import ApusModel

/// The applications of the cluster, for whoever names one.
struct KnownApps {
    let all: [ApplicationSummary]

    init(_ client: APIClient) async throws { all = try await client.applications() }

    /// The application of that id, or the only version that runs of that name.
    ///
    /// - Throws: `CommandFailure` if there is none, or more than one.
    func one(_ name: String) throws -> AppID {
        if let exact = all.first(where: { $0.id.rawValue == name }) { return exact.id }
        let versions = all.filter { $0.name == name }
        guard !versions.isEmpty else { throw notFound(name) }
        let active = versions.filter { $0.expected > 0 }
        guard active.count == 1, let only = active.first else {
            let ids = (active.isEmpty ? versions : active).map(\.id.rawValue).joined(separator: ", ")
            throw CommandFailure(
                .conflict,
                active.isEmpty
                    ? "No version of \(name) runs. Name one of \(ids)" : "\(name) runs as \(ids): name one of them"
            )
        }
        return only.id
    }

    /// Says what may have been meant.
    func notFound(_ name: String) -> CommandFailure {
        let meant = Spelling.closest(to: name, among: all.map(\.id.rawValue) + Set(all.map(\.name)).sorted())
        return CommandFailure(.other, "App \(name) not found" + (meant.map { ": did you mean \($0)?" } ?? ""))
    }
}
