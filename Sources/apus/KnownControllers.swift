import ApusClient

/// Whom an executor reports to.
enum KnownControllers: Sendable, CustomStringConvertible {
    /// These, of which one leads.
    case named([NodeURL])
    /// Those that stand in ZooKeeper.
    case inZooKeeper(ControllerRoster)

    /// Base URLs, as they are now.
    var urls: [String] {
        switch self {
        case .named(let urls): urls.map(\.description)
        case .inZooKeeper(let roster): roster.urls
        }
    }

    /// For people.
    var description: String {
        switch self {
        case .named: urls.joined(separator: ", ")
        case .inZooKeeper(let roster): "the controllers of ZooKeeper at \(roster.address)"
        }
    }

    /// What must run for them to be known.
    var roster: ControllerRoster? { if case .inZooKeeper(let roster) = self { roster } else { nil } }
}
