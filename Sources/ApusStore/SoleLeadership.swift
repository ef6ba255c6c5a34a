package import ApusModel
import Synchronization

/// Leadership where there is one controller: whoever has the locked state directory leads, for as long as it has it.
package final class SoleLeadership: Leadership {
    private struct State {
        var description: [UInt8]
        var isLeader = false
    }

    package let isShared = false
    private let store: any StateStore
    private let id: String
    private let wall: @Sendable () -> WallTime
    private let state: Mutex<State>

    package init(of store: any StateStore, id: String, description: [UInt8], wall: @escaping @Sendable () -> WallTime) {
        self.store = store
        self.id = id
        self.wall = wall
        state = Mutex(State(description: description))
    }

    package func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        let term = Term(epoch: try await store.acquireEpoch(), lease: .unending)
        state.withLock { $0.isLeader = true }
        defer { state.withLock { $0.isLeader = false } }
        return try await term.run(body)
    }

    package func describe(_ bytes: [UInt8]) async throws(StoreError) { state.withLock { $0.description = bytes } }

    package func controllers() async throws(StoreError) -> [ControllerPresence] { [presence] }

    package func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async {
        await tell(presence)
        // Nobody else can come.
        _ = await Once<Void>().wait()
    }

    package func forget(_ id: String) async throws(StoreError) {}

    private var presence: ControllerPresence {
        state.withLock { state in
            ControllerPresence(
                id: id,
                description: state.description,
                isPresent: true,
                isLeader: state.isLeader,
                lastSeen: wall()
            )
        }
    }
}
