package import ApusModel
import Synchronization

/// Leadership where there is one controller: whoever has the locked state directory leads, for as long as it has it.
package final class SoleLeadership: Leadership {
    package let isShared = false
    package let namesake: String? = nil
    private let store: any StateStore
    private let id: String
    private let wall: @Sendable () -> WallTime
    private let description: Mutex<[UInt8]>

    package init(
        of store: any StateStore,
        id: String,
        description: [UInt8],
        wall: @escaping @Sendable () -> WallTime
    ) {
        self.store = store
        self.id = id
        self.wall = wall
        self.description = Mutex(description)
    }

    package func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        try await Term(epoch: try await store.acquireEpoch(), lease: .unending).run(body)
    }

    package func describe(_ bytes: [UInt8]) async throws(StoreError) { description.withLock { $0 = bytes } }

    package func controllers() async throws(StoreError) -> [ControllerPresence] { [presence] }

    package func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async {
        await tell(presence)
        // Nobody else can come.
        _ = await Once<Void>().wait()
    }

    package func tell(reach bytes: [UInt8]) async throws(StoreError) {}

    package func reach(within span: Duration) async throws(StoreError) -> [String: [UInt8]] { [:] }

    package func forget(_ id: String) async throws(StoreError) {}

    private var presence: ControllerPresence {
        ControllerPresence(
            id: id,
            description: description.withLock(\.self),
            isPresent: true,
            isLeader: true,
            lastSeen: wall()
        )
    }
}
