package import ApusModel

/// From which version of an application to which one a rollback goes.
package enum RollbackChoice: Sendable {
    case back(from: ApplicationSummary, to: ApplicationSummary)
    /// There is no such way, for that reason.
    case refused(String)
    /// No version of that name is there.
    case unknown

    /// `name` is an application's, or the id of one version; `wanted` is the version to go to, if a user named it.
    ///
    /// Without it that is the version suspended last which had come to run: one whose rollout failed had not. One that
    /// the running version was to take the place of had, however that ended, and may still have instances.
    package init(_ name: String, to wanted: AppID?, among all: [ApplicationSummary]) {
        let application = all.first { $0.id.rawValue == name }?.name ?? name
        let versions = all.filter { $0.name == application }.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        guard !versions.isEmpty else {
            self = .unknown
            return
        }
        let ids = versions.map(\.id.rawValue).joined(separator: ", ")
        guard let from = versions.last(where: { $0.expected > 0 && $0.id != wanted }) else {
            self = .refused("No other version of \(application) runs, so there is none to go back from: \(ids)")
            return
        }
        let candidates = versions.filter { $0.id != from.id }
        if let wanted {
            guard let to = candidates.first(where: { $0.id == wanted }) else {
                self = .refused("\(wanted) is no earlier version of \(application). There are \(ids)")
                return
            }
            self = .back(from: from, to: to)
            return
        }
        let former = candidates.filter { ($0.expected == 0 && $0.hasRun) || $0.isOlder(than: from) }
        guard let to = former.max(by: { ($0.updated, $0.created, $0.id) < ($1.updated, $1.created, $1.id) }) else {
            self = .refused(
                "\(application) has no version to go back to: none but \(from.id) has run and is suspended. "
                    + "Name one with --to, or apply its specification"
            )
            return
        }
        self = .back(from: from, to: to)
    }
}

extension ApplicationSummary {
    /// The older one of the two between which the last rollout of both went, whichever way: it ends in both alike.
    fileprivate func isOlder(than other: ApplicationSummary) -> Bool {
        guard let last = lastOperation else { return false }
        return last.id == other.lastOperation?.id && created < other.created
    }

    /// It came to what was asked of it: the last thing was not that its own beginning was taken back.
    fileprivate var hasRun: Bool {
        switch (lastOperation?.type, lastOperation?.outcome) {
        case (nil, _): false
        case ("ROLLOUT"?, let outcome): outcome == "SUCCEEDED"
        case ("CREATE"?, let outcome): outcome != "ROLLED_BACK"
        default: true
        }
    }
}
