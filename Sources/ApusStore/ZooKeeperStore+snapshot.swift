import ApusEngine
import Synchronization

extension ZooKeeperStore {
    /// So often what was committed meanwhile is read after all of it; each time it is less.
    private static let mostReadings = 3

    /// Reads all records, if none are at hand from the time in the line or from an earlier snapshot; they are kept then.
    package func prepareSnapshot() async throws(StoreError) {
        for _ in 0..<Self.mostReadings {
            let reading = try await caughtUp()
            if !reading.wasWhole { return }
        }
        throw .unavailable(reason: "more is changed while all records are read than can be followed")
    }

    /// Of what is at hand; what that lacks is read before.
    package func snapshot() async throws(StoreError) -> any StoreSnapshot {
        let epoch = try await currentEpoch()
        let mirror = try await caughtUp().mirror
        let later = try await currentEpoch()
        guard later == epoch else { throw .fenced(by: later) }
        return ListedSnapshot(epoch: epoch) { mirror.records($0).listed(as: $0) }
    }

    /// What is kept, up to date, and whether all of it was read for that.
    private func caughtUp() async throws(StoreError) -> (mirror: StoreMirror, wasWhole: Bool) {
        let (turn, birth) = state.withLock { ($0.mirror?.turn, $0.mirror?.birth) }
        let changes = try await changes(since: turn, of: birth)
        reflect(changes)
        let kept = state.withLock { $0.mirror }
        // What was read of servers that have lost turns is behind what is kept, and right.
        guard let kept, !changes.isWhole || kept.turn == changes.turn else { return (StoreMirror(changes), true) }
        return (kept, changes.isWhole)
    }
}
