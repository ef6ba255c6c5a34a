package import ApusEngine
package import ApusModel
package import ApusStore
import Synchronization

/// A store in memory, which can be told to fail.
///
/// It outlives those who use it: to restart a controller on it, hand the same store to the next one.
package final class MemoryStore: StateStore {
    /// What becomes of a commit that fails; its caller is told `unavailable` either way.
    package enum Failure: Hashable, Sendable {
        /// Nothing was stored.
        case before
        /// The batch was stored, only the answer was lost.
        case after
    }

    private struct State {
        var epoch: Epoch = 0
        var records: [RecordKey: [UInt8]] = [:]
        var commits = 0
        var failures: [Int: Failure] = [:]
        var isAway = false
    }

    private let state: Mutex<State>

    /// - Parameter failures: which commits fail, the first being 1, and how.
    package init(failures: [Int: Failure] = [:]) {
        state = Mutex(State(failures: failures))
    }

    /// How many commits were tried, failed ones included.
    package var commits: Int { state.withLock { $0.commits } }

    /// Lets the next commit fail.
    package func failNextCommit(_ failure: Failure) {
        state.withLock { $0.failures[$0.commits + 1] = failure }
    }

    /// While true, every call throws `unavailable` and nothing is stored.
    package func setAway(_ isAway: Bool) {
        state.withLock { $0.isAway = isAway }
    }

    package func list(_ kind: RecordKind) async throws(StoreError) -> [Record] {
        try withState { state throws(StoreError) in
            state.records.filter { $0.key.kind == kind }
                .map { Record(key: $0.key, bytes: $0.value) }
                .sorted { $0.key < $1.key }
        }
    }

    package func commit(_ batch: Batch) async throws(StoreError) {
        try batch.checkLimits()
        try withState { state throws(StoreError) in
            state.commits += 1
            let failure = state.failures[state.commits]
            if failure == .before { throw .unavailable(reason: "commit \(state.commits) was told to fail before") }
            guard batch.epoch == state.epoch else { throw .fenced(by: state.epoch) }
            for write in batch.writes {
                switch write {
                case .put(let key, let bytes): state.records[key] = bytes
                case .delete(let key): state.records[key] = nil
                }
            }
            if failure == .after { throw .unavailable(reason: "commit \(state.commits) was told to fail after") }
        }
    }

    package func acquireEpoch() async throws(StoreError) -> Epoch {
        try withState { state throws(StoreError) in
            state.epoch += 1
            return state.epoch
        }
    }

    package func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try withState { state throws(StoreError) in
            guard state.epoch == held else { throw .fenced(by: state.epoch) }
            state.epoch = max(held, met) + 1
            return state.epoch
        }
    }

    package func currentEpoch() async throws(StoreError) -> Epoch {
        try withState { state throws(StoreError) in state.epoch }
    }

    private func withState<T: Sendable>(_ body: (inout State) throws(StoreError) -> T) throws(StoreError) -> T {
        try state.withLock { state throws(StoreError) in
            guard !state.isAway else { throw .unavailable(reason: "the store was told to be away") }
            return try body(&state)
        }
    }
}
