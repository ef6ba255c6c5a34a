import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// What a controller answers that does not lead.
@Suite(.timeLimit(.minutes(2))) struct StaleReadTests {
    private static let stale = ["Apus-Read": "stale"]

    @Test func `a standby answers from what the leader stores, with its age, whoever asks for that`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { leader in
            _ = await leader.inbox.submit(fullReport())
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(second) {
                _ = await leader.post("applications/operations", create(instances: 1).json.serialized)
                try await eventually("the application is known there") {
                    let answer = await second.call("GET", "applications/TEST_APP-1", Self.stale)
                    return answer.json?["data"]?["requiredInstances"] == .integer(1)
                }
                let answer = await second.call("GET", "cluster/executors", Self.stale)
                #expect(answer.status == 200 && answer.isStale)
                #expect(answer.age.map { (0...2).contains($0) } == true)
                // Nobody is told by a standby that it leads.
                let summary = await second.call("GET", "cluster", Self.stale).json?["data"]
                #expect(summary?["leader"] != .string("ctrl2:10000"))
                let plain = await second.get("applications/TEST_APP-1")
                #expect(plain.status == 400 && plain.age == nil)
            }
            let own = await leader.call("GET", "applications/TEST_APP-1", Self.stale)
            #expect(own.status == 200 && own.age == 0 && !own.isStale)
            #expect(await leader.get("applications/TEST_APP-1").age == nil)
        }
    }

    @Test func `what needs the leader, and every change, is refused by a standby all the same`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { _ in
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(second) {
                try await eventually("it answers") {
                    await second.call("GET", "applications", Self.stale).status == 200
                }
                for path in ["ping", "users", "cluster/usage", "cluster/events/latest", "cluster/controllers"] {
                    #expect(await second.call("GET", path, Self.stale).status == 400, "\(path)")
                }
                let body = create(instances: 1).json.serialized
                #expect(await second.call("POST", "applications/operations", Self.stale, body: body).status == 400)
            }
        }
    }

    @Test func `without its store a former leader answers from what it led with, ever older`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        let time = ManualTime()
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), time: time.source) {
            controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.post("applications/operations", create(instances: 2).json.serialized)
            store.setAway(true)
            ballot.depose()
            try await eventually("it leads no more") { await controller.get("ping").status == 400 }
            time.advance(by: .seconds(90))
            let answer = await controller.call("GET", "applications/TEST_APP-1", Self.stale)
            #expect(answer.status == 200 && answer.isStale && answer.age == 90)
            #expect(answer.json?["data"]?["requiredInstances"] == .integer(2))
        }
    }

    @Test func `a standby that could not read anything yet says so`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), callers: .roles) { _ in
            let second = try await standingBy(store: UsersOnly(store: store), leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(second) {
                let asked = Self.stale.merging(CallerRig.basic("reader")) { $1 }
                try await eventually("it knows its users") {
                    await second.call("GET", "applications", asked).status == 503
                }
                let answer = await second.call("GET", "applications", asked)
                #expect(answer.retryAfter == 1)
                #expect(answer.json?["message"]?.text?.contains("has not read yet") == true)
            }
        }
    }

    @Test func `a standby knows its callers before it ever leads`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), callers: .roles) { _ in
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(second) {
                try await eventually("a stranger is refused") { await second.call("GET", "applications").status == 401 }
                #expect(await second.call("GET", "applications", Self.stale).status == 401)
                let reader = CallerRig.basic("reader")
                #expect(await second.call("GET", "applications", reader).status == 400)
                let asked = Self.stale.merging(reader) { $1 }
                #expect(await second.call("GET", "applications", asked).status == 200)
            }
        }
    }

    @Test func `a standby that everybody could reach ends where nobody has to say who they are`() async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { _ in
            var open = CallerRig(isReachable: true)
            open.secrets = [CallerRig.secret]
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"), callers: open)
            await #expect(throws: ControllerError.self) { try await second.run() }
            #expect(await second.get("applications").status == 401)
        }
    }
}

/// A store of which only what callers are known by can be read.
struct UsersOnly: StateStore {
    let store: MemoryStore

    func list(_ kind: RecordKind) async throws(StoreError) -> [Record] {
        guard kind == .cluster else { throw .unavailable(reason: "only users can be read") }
        return try await store.list(kind)
    }

    func commit(_ batch: Batch) async throws(StoreError) { try await store.commit(batch) }
    func acquireEpoch() async throws(StoreError) -> Epoch { try await store.acquireEpoch() }
    func currentEpoch() async throws(StoreError) -> Epoch { try await store.currentEpoch() }
    func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await store.raiseEpoch(from: held, above: met)
    }
}
