import ApusEngine
import ApusModel

/// What operators were promised of the cluster's own SPREAD.
struct SpreadLedger: Sendable {
    /// `nil`: none.
    private var settled: JSON?
    /// Asked for and not answered, oldest first.
    private var open: [(request: RequestID, spread: JSON?)] = []

    mutating func taken(_ request: RequestID, _ command: Command) {
        guard case .cluster(.setSpread(let spread)) = command else { return }
        open.append((request, spread?.json))
    }

    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome) {
        guard let index = open.firstIndex(where: { $0.request == request }) else { return }
        let spread = open.remove(at: index).spread
        guard case .cluster = outcome else { return }
        settled = spread
    }

    /// A leader has loaded the store, or the store was put back: what it says holds.
    mutating func loaded(_ store: SimulatedStore) { (settled, open) = (Self.stored(store), []) }

    /// What the store says wrongly; `nil` if nothing.
    func contradiction(store: SimulatedStore) -> String? {
        let stored = Self.stored(store)
        guard stored != settled, !open.contains(where: { $0.spread == stored }) else { return nil }
        let words = { (spread: JSON?) in spread?.serialized ?? "none" }
        return "an accepted request is lost: the cluster's SPREAD is \(words(stored)), promised was \(words(settled))"
    }

    private static func stored(_ store: SimulatedStore) -> JSON? {
        store.json(RecordKey(.cluster, "facts"))?["spread"]
    }
}
