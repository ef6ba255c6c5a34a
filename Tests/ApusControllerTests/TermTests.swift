import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

/// Controllers of one store that are elected one after the other.
private final class Ballot: Leadership {
    private struct State {
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isTaken = false
        var term: Term?
        var won = 0
    }

    let isShared = true
    private let store: any StateStore
    private let state = Mutex(State())

    init(of store: any StateStore) { self.store = store }

    /// How often somebody was elected.
    var won: Int { state.withLock(\.won) }

    func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    guard state.isTaken, !Task.isCancelled else {
                        state.isTaken = true
                        return true
                    }
                    state.waiting.append(continuation)
                    return false
                }
                if isFree { continuation.resume() }
            }
        } onCancel: {
            for waiting in state.withLock({ state in
                defer { state.waiting = [] }
                return state.waiting
            }) {
                waiting.resume()
            }
        }
        try Task.checkCancellation()
        let term = Term(epoch: try await store.acquireEpoch(), lease: .unending)
        state.withLock { state in
            state.term = term
            state.won += 1
        }
        return try await term.run(body)
    }

    /// The leader loses its place to whoever has waited longest, or to itself.
    func depose() {
        let (term, next) = state.withLock { state in
            let next = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
            state.isTaken = next != nil
            return (state.term, next)
        }
        term?.resign()
        next?.resume()
    }

    func describe(_ bytes: [UInt8]) async throws(StoreError) {}
    func controllers() async throws(StoreError) -> [ControllerPresence] { [] }
    func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async {}
    func forget(_ id: String) async throws(StoreError) {}
}

@Suite struct TermTests {
    @Test func `a controller whose term has ended answers nothing, and leads on when it is elected again`() async throws
    {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot) { controller in
            _ = await controller.inbox.submit(fullReport())
            let answer = await controller.post("applications/operations", create(instances: 2).json.serialized)
            #expect(answer.status == 200)
            ballot.depose()
            try await eventually("it leads again") { ballot.won == 2 }
            try await eventually("it answers again") { await controller.get("ping").status == 200 }
            let again = await controller.get("applications/TEST_APP-1").json?["data"]
            #expect(again?["requiredInstances"] == .integer(2))
        }
    }

    @Test func `of two controllers the elected one answers, and the other goes on with what it accepted`() async throws
    {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot) { first in
            _ = await first.inbox.submit(fullReport())
            _ = await first.post("applications/operations", create(instances: 1).json.serialized)
            let second = try await standingBy(store: store, leadership: ballot)
            try await withRunning(second) {
                #expect(await second.get("applications").status == 400)
                ballot.depose()
                try await eventually("the other one leads") { await second.get("ping").status == 200 }
                let refused = await first.get("ping")
                #expect(refused.status == 400)
                #expect(refused.json?["message"] == .string("This node is not the leader controller"))
                let change = await first.post("applications/operations", create(instances: 1).json.serialized)
                #expect(change.status == 400)
                let data = await second.get("applications/TEST_APP-1").json?["data"]
                #expect(data?["requiredInstances"] == .integer(1))
            }
        }
    }
}
