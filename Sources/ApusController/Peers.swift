import ApusEngine
import ApusModel
import ApusStore
import Synchronization

/// The controllers of the cluster, as they see each other.
final class Peers: Sendable {
    /// What a controller said longer ago that it reaches counts no more: it says so every few seconds.
    private static let freshness: Duration = .seconds(6)

    private let leadership: any Leadership
    private let card: Mutex<ControllerCard>
    private let leader = Mutex(Seen())
    /// The term in which this controller leads.
    private let term = Mutex<Term?>(nil)

    /// Who leads, as far as that is known.
    private struct Seen {
        var card: ControllerCard?
        var hasBeenAnother = false
    }

    private let id: String

    init(_ leadership: any Leadership, as card: ControllerCard) {
        self.leadership = leadership
        self.card = Mutex(card)
        id = card.id
    }

    /// Where the leader's API is, if that is another controller which is known.
    var leaderURL: String? { leader.withLock { $0.card.flatMap { $0.id == id ? nil : $0.url } } }

    /// `host:port` of the leader, as far as it is known.
    var leaderID: String? { leader.withLock { $0.card?.id } }

    /// Another controller led at some time since this process began.
    var hasSeenAnotherLead: Bool { leader.withLock(\.hasBeenAnother) }

    /// Follows who leads, until it is cancelled.
    func run() async {
        await leadership.followLeader { [self] presence in
            // Of one that has not said yet where it is nothing is known.
            let card = presence.flatMap { Self.card(of: $0) }
            leader.withLock { seen in
                seen.card = card
                if let card, card.id != id { seen.hasBeenAnother = true }
            }
        }
    }

    /// Tells the others what this controller is from now on.
    func tell(_ role: ControllerCard.Role, at wall: WallTime, under term: Term? = nil) async {
        self.term.withLock { $0 = term }
        let card = card.withLock { card in
            if card.role != role { (card.role, card.since) = (role, wall) }
            return card
        }
        // try?: who cannot be told now is told within ten seconds; the leadership tells people what is refused for longer.
        try? await leadership.describe(card.bytes)
    }

    /// Has the others know how many of the members this controller reaches.
    func tell(reached count: Int) async throws(StoreError) {
        try await leadership.tell(reach: JSON.members(["reached": .integer(Int64(count))]).bytes)
    }

    /// What the controllers reach that stand by, as far as they have said so lately.
    func standbys() async throws(StoreError) -> [StandbyView] {
        try await leadership.reach(within: Self.freshness).compactMap { id, bytes in
            Self.reached(bytes).map { StandbyView(id: id, reached: $0) }
        }
    }

    /// `nil` if nobody can read it.
    private static func reached(_ bytes: [UInt8]) -> Int? {
        do throws(JSONError) { return Int(try JSON(parsing: bytes).integer("reached")) } catch { return nil }
    }

    /// All controllers, the absent too, by id.
    func all() async throws(StoreError) -> [ControllerPresence] { try await leadership.controllers() }

    /// Gives the leadership up; `false` if this controller does not lead, or its term is over already.
    func handOver(to successor: String?) -> Bool { term.withLock(\.self)?.resign(to: successor) ?? false }

    func forget(_ id: String) async throws(StoreError) { try await leadership.forget(id) }

    /// `nil` if it has said nothing that can be read.
    static func card(of presence: ControllerPresence) -> ControllerCard? {
        do throws(JSONError) { return try ControllerCard(presence.description) } catch { return nil }
    }
}
