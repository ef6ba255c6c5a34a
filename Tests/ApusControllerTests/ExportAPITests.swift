import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

/// The store as the API exports it, and a leader on what was imported.
@Suite(.timeLimit(.minutes(1))) struct ExportAPITests {
    private static func export(_ controller: Controller) async throws -> (header: ExportHeader, records: [Record]) {
        let answer = await controller.post("cluster/export", "")
        let file = try #require(answer.file, "\(answer)")
        #expect(answer.status == 200 && file.contentType == "application/x-ndjson" && file.length == nil)
        var (reading, records) = (ExportReading(), [Record]())
        for try await piece in file.pieces { records += try reading.take(piece) }
        return (try reading.end(), records)
    }

    /// Deploys an application, which becomes healthy.
    private static func deploy(_ controller: Controller) async throws {
        _ = await controller.inbox.submit(fullReport())
        _ = await controller.inbox.submit(.application(create(instances: 2)))
        try await eventually("two are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 2 }
    }

    @Test func `an export has all that the store holds, and the audit log says who took it`() async throws {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            try await Self.deploy(controller)
            let (header, records) = try await Self.export(controller)
            #expect(header.cluster == cluster && header.epoch == 1 && header.version == ApusVersion.text)
            let keys = Set(records.map(\.key))
            #expect(keys.contains(RecordKey(.application, "TEST_APP-1")))
            #expect(keys.contains(RecordKey(.member, node.rawValue)))
            #expect(keys.contains(RecordKey(.cluster, "instance-keys")))
            #expect(ImportCheck.faults(in: records, of: header, atMost: 10) == [])
            let told = await controller.get("cluster/audit?action=STORE_EXPORT").json?["data"]?["records"]?[0]
            #expect(told?["actor"]?["name"] == "default-user" && told?["outcome"] == "ACCEPTED")
            #expect(told?["subject"] == ["kind": "CLUSTER", "id": "c1"])
        }
    }

    @Test func `what an export had is there again: RESTORED, and nothing is stopped`() async throws {
        let exported = try await withController(store: MemoryStore()) { controller in
            try await Self.deploy(controller)
            return try await Self.export(controller)
        }
        let store = MemoryStore()
        _ = try await RestoredState(exported.header, exported.records).put(into: store)
        try await withController(store: store) { controller in
            #expect(await controller.get("cluster").json?["data"]?["mode"] == "RESTORED")
            let summary = await controller.get("applications/TEST_APP-1").json?["data"]
            #expect(summary?["requiredInstances"] == 2)
            #expect(await controller.post("cluster/restored/confirm", "").status == 200)
            #expect(await controller.get("cluster").json?["data"]?["mode"] == nil)
        }
    }

    @Test func `one export is taken at a time, and its place is free when it is over or given up`() async throws {
        try await withController(store: MemoryStore()) { controller in
            var first: APIAnswer? = await controller.post("cluster/export", "")
            #expect(first?.status == 200)
            #expect(await controller.post("cluster/export", "").status == 429)
            withExtendedLifetime(first) {}
            first = nil
            try await eventually("the place is free") { await controller.post("cluster/export", "").status == 200 }
            _ = try await Self.export(controller)
            _ = try await Self.export(controller)
        }
    }

    @Test func `a store that does not answer is not exported, and the caller is told`() async throws {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            store.setAway(true)
            let answer = await controller.post("cluster/export", "")
            #expect(answer.status == 503 && answer.retryAfter == 1)
            #expect(answer.json?["message"]?.text?.hasPrefix("Nothing was exported: ") == true)
            store.setAway(false)
            _ = try await Self.export(controller)
        }
    }

    @Test func `an export waits for the end of the turn that is being stored`() async throws {
        let store = GatedStore()
        try await withController(store: store) { controller in
            store.shut()
            async let created = controller.inbox.submit(.application(create(instances: 0)))
            try await eventually("the commit is under way") { store.held == 1 }
            async let exported = Self.export(controller)
            store.open()
            #expect(await created.outcome == .accepted(.application(AppID("TEST_APP-1"))))
            #expect(try await exported.records.contains { $0.key == RecordKey(.application, "TEST_APP-1") })
        }
    }

    @Test func `while a store reads all that it is to export the leader goes on, and one that cannot is told`()
        async throws
    {
        let store = SlowToPrepare()
        try await withController(store: store) { controller in
            async let exported = Self.export(controller)
            try await eventually("all is being read") { store.isPreparing }
            let created = await controller.inbox.submit(.application(create(instances: 0)))
            #expect(created.outcome == .accepted(.application(AppID("TEST_APP-1"))))
            store.prepared.happen(nil)
            #expect(try await exported.records.contains { $0.key == RecordKey(.application, "TEST_APP-1") })
        }
        let failing = SlowToPrepare()
        failing.prepared.happen(.unavailable(reason: "too much is changed"))
        try await withController(store: failing) { controller in
            let answer = await controller.post("cluster/export", "")
            #expect(answer.status == 503)
            #expect(answer.json?["message"]?.text?.contains("too much is changed") == true)
        }
    }

    @Test(arguments: [false, true])
    func `nobody leads by a store that holds half an import, or stands there, and nothing of it is touched`(
        ofSeveral: Bool
    ) async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        try await store.commit(Batch(epoch: epoch, writes: [.put(RestoredState.marker, [])]))
        let ballot = Ballot(of: store)
        let seat = ofSeveral ? ballot.seat("ctrl1:10000") : nil
        let error = await #expect(throws: ControllerError.self) {
            try await withController(store: store, leadership: seat) { _ in }
        }
        #expect(ballot.won == 0)
        #expect(error?.description.contains("an import into this store did not come to its end") == true)
        #expect(try await store.currentEpoch() == epoch, "whoever imports is not fenced off")
    }

    // MARK: what may be imported

    private static func faults(_ records: [(RecordKey, String)]) -> [String] {
        let header = ExportHeader(cluster: cluster, epoch: 3, at: WallTime(milliseconds: 1))
        let records = records.map { Record(key: $0.0, bytes: Array($0.1.utf8)) }
        return ImportCheck.faults(in: records, of: header, atMost: 3)
    }

    @Test func `what no leader could read is told with its kind and id, the first of it`() {
        let facts = #"{"schema":1,"mode":"NORMAL","changed":0}"#
        #expect(Self.faults([]) == [])
        #expect(Self.faults([(ClusterFacts.key, facts)]) == [])
        let faults = Self.faults([
            (ClusterFacts.key, facts), (ClusterFacts.key, facts), (RecordKey(.application, "web-1"), "{"),
            (RecordKey(.cluster, "users"), #"{"schema":2,"users":[]}"#), (RecordKey(.member, "E"), "{}"),
        ])
        #expect(faults.count == 3)
        #expect(faults[0] == "cluster facts: it is there twice")
        #expect(faults[1].hasPrefix("application web-1: "))
        #expect(faults[2] == "cluster users: the users' schema is not known")
    }

    @Test func `a record of a later version, one of another thing, and one that nothing reads are refused`() {
        let member = JSON.members([
            "schema": 1, "id": "E", "key": "k1", "hostname": "node1", "port": 3000, "transport": "HTTP", "admitted": 1,
            "description": fullReport().description?.json,
        ]).serialized
        #expect(Self.faults([(RecordKey(.member, "E"), member)]) == [])
        #expect(Self.faults([(RecordKey(.member, "F"), member)]) == ["member F: it is the record of E"])
        #expect(
            Self.faults([(RecordKey(.member, "E"), member.replacing(#""schema":1"#, with: #""schema":2"#))])
                == ["member E: its schema 2 is not known: a later version of Apus wrote it"]
        )
        let hints = #"{"schema":1,"executor":"E","instances":[]}"#
        #expect(Self.faults([(RecordKey(.hint, "E"), hints), (RecordKey(.hint, "E/3"), hints)]) == [])
        #expect(Self.faults([(RecordKey(.hint, "F/3"), hints)]) == ["hint F/3: it is the record of E"])
        #expect(
            Self.faults([(RecordKey(.cluster, "news"), "{}")])
                == ["cluster news: nothing reads such a record in apus \(ApusVersion.text)"]
        )
    }
}

/// A store that has much to read before it can be exported.
private final class SlowToPrepare: StateStore {
    /// It has read all, or why it cannot.
    let prepared = Once<StoreError?>()
    private let store = MemoryStore()
    private let asked = Mutex(false)

    var isPreparing: Bool { asked.withLock(\.self) }

    func prepareSnapshot() async throws(StoreError) {
        asked.withLock { $0 = true }
        if case .some(let error?) = await prepared.wait() { throw error }
    }

    func list(_ kind: RecordKind) async throws(StoreError) -> [Record] { try await store.list(kind) }
    func commit(_ batch: Batch) async throws(StoreError) { try await store.commit(batch) }
    func acquireEpoch() async throws(StoreError) -> Epoch { try await store.acquireEpoch() }
    func currentEpoch() async throws(StoreError) -> Epoch { try await store.currentEpoch() }
    func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await store.raiseEpoch(from: held, above: met)
    }
}
