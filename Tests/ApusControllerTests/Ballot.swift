import ApusController
import ApusModel
import ApusStore
import Synchronization

/// Controllers of one store that are elected one after the other.
final class Ballot: Sendable {
    private struct State {
        /// Who waits, in their order.
        var waiting: [(id: String, continuation: CheckedContinuation<Void, Never>)] = []
        var leader: String?
        var term: Term?
        var won = 0
        var presences: [String: ControllerPresence] = [:]
        var reach: [String: [UInt8]] = [:]
        var namesakes: [String: String] = [:]
        var listeners: [AsyncStream<ControllerPresence?>.Continuation] = []

        var told: ControllerPresence? { leader.flatMap { presences[$0] } }

        func tellAll() { for listener in listeners { listener.yield(told) } }
    }

    static let lastSeen = WallTime(milliseconds: 1_753_000_000_000)

    private let store: any StateStore
    private let lease: Lease
    private let state = Mutex(State())

    init(of store: any StateStore, lease: Lease = .unending) { (self.store, self.lease) = (store, lease) }

    /// How often somebody was elected.
    var won: Int { state.withLock(\.won) }

    /// How many stand by.
    var waiting: Int { state.withLock(\.waiting.count) }

    /// What one of them says that it reaches.
    func reach(of id: String) throws -> JSON? { try state.withLock(\.reach)[id].map { try JSON(parsing: $0) } }

    /// What one of them stands by.
    func seat(_ id: String) -> Seat { Seat(ballot: self, id: id) }

    /// The leader loses its place to whoever has waited longest, or to itself.
    func depose() { state.withLock(\.term)?.resign() }

    /// One that was here once and is no more.
    func add(absent id: String, _ description: JSON) {
        state.withLock { state in
            state.presences[id] = Self.presence(id, description.bytes, isPresent: false)
        }
    }

    /// Another one goes by that id, or `nil`: none any more.
    func setNamesake(of id: String, _ trouble: String?) { state.withLock { $0.namesakes[id] = trouble } }

    private static func presence(_ id: String, _ description: [UInt8], isPresent: Bool) -> ControllerPresence {
        ControllerPresence(
            id: id,
            description: description,
            isPresent: isPresent,
            isLeader: false,
            lastSeen: lastSeen
        )
    }

    // MARK: what a seat does

    fileprivate func lead(
        _ id: String,
        _ body: @escaping @Sendable (Term) async throws -> Void
    ) async throws -> TermEnd {
        await turn(of: id)
        defer { leave(id) }
        try Task.checkCancellation()
        let term = Term(epoch: try await store.acquireEpoch(), lease: lease)
        state.withLock { state in
            state.term = term
            state.won += 1
            state.tellAll()
        }
        return try await term.run(body)
    }

    /// Waits until it is elected, or cancelled.
    private func turn(of id: String) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard state.leader != nil, !Task.isCancelled else {
                        state.leader = state.leader ?? id
                        return true
                    }
                    state.waiting.append((id, continuation))
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            let own = state.withLock { state in
                defer { state.waiting.removeAll { $0.id == id } }
                return state.waiting.filter { $0.id == id }
            }
            for one in own { one.continuation.resume() }
        }
    }

    /// Whoever waits longest comes next.
    private func leave(_ id: String) {
        let next = state.withLock { state in
            guard state.leader == id else { return nil as CheckedContinuation<Void, Never>? }
            let next = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
            state.leader = next?.id
            state.tellAll()
            return next?.continuation
        }
        next?.resume()
    }

    fileprivate func describe(_ id: String, _ bytes: [UInt8]) {
        state.withLock { state in
            state.presences[id] = Self.presence(id, bytes, isPresent: true)
            state.tellAll()
        }
    }

    fileprivate var presences: [ControllerPresence] {
        state.withLock { state in
            state.presences.values.sorted { $0.id < $1.id }.map { presence in
                var presence = presence
                presence.isLeader = presence.id == state.leader
                return presence
            }
        }
    }

    fileprivate func tell(_ id: String, reach bytes: [UInt8]) { state.withLock { $0.reach[id] = bytes } }

    fileprivate func reach(besides id: String) -> [String: [UInt8]] {
        state.withLock(\.reach).filter { $0.key != id }
    }

    fileprivate func namesake(of id: String) -> String? { state.withLock(\.namesakes)[id] }

    fileprivate func forget(_ id: String) { state.withLock { $0.presences[id] = nil } }

    fileprivate func leaders() -> AsyncStream<ControllerPresence?> {
        let (leaders, listener) = AsyncStream.makeStream(
            of: ControllerPresence?.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        state.withLock { state in
            state.listeners.append(listener)
            listener.yield(state.told)
        }
        return leaders
    }
}

/// The ballot as one controller knows it.
struct Seat: Leadership {
    let isShared = true
    fileprivate let ballot: Ballot
    fileprivate let id: String

    func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        try await ballot.lead(id, body)
    }

    var namesake: String? { ballot.namesake(of: id) }

    func describe(_ bytes: [UInt8]) async throws(StoreError) { ballot.describe(id, bytes) }
    func controllers() async throws(StoreError) -> [ControllerPresence] { ballot.presences }
    func forget(_ id: String) async throws(StoreError) { ballot.forget(id) }
    func tell(reach bytes: [UInt8]) async throws(StoreError) { ballot.tell(id, reach: bytes) }
    func reach(within span: Duration) async throws(StoreError) -> [String: [UInt8]] { ballot.reach(besides: id) }

    func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async {
        for await leader in ballot.leaders() { await tell(leader) }
    }
}
