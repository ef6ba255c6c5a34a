import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import HashTreeCollections
import Testing

/// The stores that earlier versions left, under `Tests/Golden/<issue>/state`: a leader takes each of them over.
struct GoldenStoreTests {
    static let states = goldenStates()

    @Test(arguments: states)
    func `a leader takes over the store of every version`(state: String) async throws {
        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        try FileManager.default.copyItem(atPath: state, toPath: copy)
        let directory = try StateDirectory(at: copy)
        let store = try await SQLiteStore.open(in: directory)
        let records = try await store.records()
        let epoch = try await store.acquireEpoch()
        try await store.close()
        let cluster = ClusterID("golden")
        let engine = try Engine(
            cluster: cluster,
            epoch: epoch,
            seed: 1,
            records: records,
            at: Times(now: .zero, wall: WallTime(milliseconds: 0))
        )
        let app = AppID("HELLO-1")
        #expect(engine.state.applications[app]?.expected == 2)
        #expect(engine.state.instances(of: app).count == 2)
        #expect(engine.state.endedInstances(of: app).count == 2)
        #expect(engine.state.members.count == (state.hasSuffix("/7/state") ? 2 : 1))
        // The first version knew no tasks.
        let results = engine.state.tasks.values.map {
            "\($0.id) \($0.end?.result.rawValue ?? "") \($0.end?.exitCode ?? 0)"
        }
        #expect(
            state.hasSuffix("/2/state")
                || results.sorted() == ["JOBS/BAD FAILED 3", "JOBS/LONG CANCELLED -1", "JOBS/OK SUCCESSFUL 0"]
        )
    }

    private func state(_ version: Int) throws -> String {
        try #require(
            Self.states.first { $0.hasSuffix("/\(version)/state") },
            "there is no state of version \(version); APUS_RECORD_GOLDEN=1 has IntegrationTests record one of now"
        )
    }

    /// What the store of that version holds, and the engine that takes it over.
    private func opened(_ version: Int) async throws -> (records: [Record], engine: Engine) {
        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        let state = try state(version)
        try FileManager.default.copyItem(atPath: state, toPath: copy)
        let store = try await SQLiteStore.open(in: try StateDirectory(at: copy))
        let records = try await store.records()
        try await store.close()
        let engine = try Engine(
            cluster: ClusterID("golden"),
            epoch: 2,
            seed: 1,
            records: records,
            at: Times(now: .zero, wall: WallTime(milliseconds: 0))
        )
        return (records, engine)
    }

    @Test func `the seventh version's store is RESTORED from an export, and knows its members' pasts`() async throws {
        let engine = try await opened(7).engine
        let restoration = try #require(engine.state.facts.restoration)
        #expect(!restoration.isConfirmed && restoration.epoch > 2)
        try expectPastOfVersion7(engine.state)
    }

    @Test func `the seventh version's audit log has what two leaders and a standby noted, each once, and goes on`()
        async throws
    {
        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        try FileManager.default.copyItem(atPath: try state(7), toPath: copy)
        let log = try await AuditStore.open(in: try StateDirectory(at: copy))
        var query = AuditQuery(size: 1000)
        query.after = [0]
        let records = Array(try await log.page(query).records.reversed())
        let sequences = try records.map { try $0.integer("sequence") }
        func epochs(_ action: String) -> [Epoch] {
            zip(records, sequences).filter { $0.0["action"]?.text == action }.map { AuditSequence.epoch(of: $0.1) }
        }
        #expect(Set(sequences).count == records.count)
        let leaders = epochs("LEADERSHIP_ACQUIRED")
        #expect(Set(leaders).count > 1 && leaders == leaders.sorted())
        let second = try #require(leaders.last)
        for action in ["EXECUTOR_SUSPENDED", "EXECUTOR_LOST", "APPLICATION_CREATE", "LEADERSHIP_HANDED_OVER"] {
            #expect(epochs(action).contains { 0 < $0 && $0 < second }, "\(action) in \(epochs(action))")
        }
        for action in ["CHANGE_DENIED", "STORE_EXPORT"] { #expect(epochs(action) == [second], "\(action)") }
        query.subject = "HELLO-1"
        #expect(try await log.page(query).records.contains { $0["action"] == "APPLICATION_CREATE" })
        #expect(try await log.held().map { AuditSequence.epoch(of: $0) } == Set(leaders).sorted(by: >))

        let actor = AuditActor(.user, "ann", source: "10.0.0.1")
        let subject = AuditSubject(.application, "HELLO-1")
        let entry = AuditEntry(at: WallTime(milliseconds: 1), in: second, actor, "NEXT", subject, .accepted)
        let next = try await log.append([entry], as: .leading(second + 1))
        try await log.close()
        #expect(try next > #require(sequences.last))
    }

    @Test func `the sixth version's store has a rollout under way, a user and two keys of tokens, and its audit log`()
        async throws
    {
        let (records, engine) = try await opened(6)
        let rollout = try #require(engine.state.applications[AppID("HELLO-2")]?.operation)
        #expect(rollout.kind.rawValue == "ROLLOUT")
        #expect(engine.state.applications[AppID("HELLO-1")]?.rolledOutTo == AppID("HELLO-2"))
        let users = try #require(records.first { $0.key == RecordKey(.cluster, "users") })
        #expect(try JSON(parsing: users.bytes).array("users").count == 1)
        let keys = try #require(records.first { $0.key == RecordKey(.cluster, "instance-keys") })
        #expect(try JSON(parsing: keys.bytes).strings("keys").count == 2)

        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        try FileManager.default.copyItem(atPath: try state(6), toPath: copy)
        let log = try await AuditStore.open(in: try StateDirectory(at: copy))
        let page = try await log.page(AuditQuery(size: 1000))
        try await log.close()
        #expect(page.records.contains { $0["action"] == "APPLICATION_ROLLOUT" && $0["outcome"] == "ACCEPTED" })
        #expect(page.records.first?["sequence"] == .integer(page.last))
    }

    @Test(arguments: [6, 7])
    func `what that version stored is stored again as it was, so that it can be gone back to`(version: Int) async throws
    {
        let (records, engine) = try await opened(version)
        for record in records {
            let (id, state) = (record.key.id, engine.state)
            let again: JSON? =
                switch record.key.kind {
                case .application: state.applications[AppID(id)]?.record(at: .zero)
                case .member: state.members[ExecutorID(id)]?.record
                case .task: TaskID(rawValue: id).flatMap { state.tasks[$0] }?.record(live: nil, at: .zero)
                case .cluster where record.key == ClusterFacts.key: state.facts.record
                case .localService, .hint, .ended, .cluster: nil
                }
            if let again { #expect(again.serialized == String(decoding: record.bytes, as: UTF8.self), "\(record.key)") }
        }
    }

    @Test func `the fifth version's store has configuration files, a device and the keys of tokens`() async throws {
        let (records, engine) = try await opened(5)
        let spec = try #require(engine.state.applications[AppID("HELLO-1")]?.spec)
        #expect(spec.configs.map(\.localFilename) == ["/etc/app/inline.conf", "/etc/app/local.conf"])
        #expect(spec.devices.count == 1)
        #expect(records.contains { $0.key == RecordKey(.cluster, "instance-keys") })
    }

    @Test func `the fourth version's store has a local service, a share, a spread and a blacklisted executor`()
        async throws
    {
        let (_, engine) = try await opened(4)
        let service = ServiceID("PROXY-1")
        #expect(engine.state.localServices[service]?.activation == .active)
        #expect(engine.state.instances(of: service).count == 1)
        let share = engine.state.applications[AppID("HELLO-1")]?.share
        #expect(share == (try CapacityShare(parsing: "50%", least: 2, most: 2)))
        #expect(engine.state.facts.spread == SpreadPolicy(.zone))
        let member = try #require(engine.state.members.values.first)
        #expect(member.duty == .blacklistRequested)
        #expect(member.description.zone == "z1" && member.description.metadata["rack"] == "r1")
        #expect(member.description.topology.quantities[Topology.disk] == 20_000)
    }
}

/// The cluster that left `Tests/Golden/7/state`: one of its executors was not reached, then not heard, and came back; later
/// a leader that heard none of them made way for the other controller.
func expectPastOfVersion7(_ state: ClusterState) throws {
    let handOver = try #require(state.facts.handOver)
    #expect(handOver.cause.contains("executors are silent here, and \(handOver.to) reaches 2"))
    #expect(state.members.count == 2)
    let past = state.members.values.map(\.history.entries).first { $0.contains { $0.state == .lost } }
    let entries = try #require(past, "none was ever lost")
    #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.at.milliseconds <= $1.at.milliseconds })
    var rest = entries[...]
    for state: MemberState in [.joining, .active, .suspended, .silent, .lost, .active] {
        let place = try #require(rest.firstIndex { $0.state == state }, "\(state) in \(entries.map(\.state))")
        if state == .suspended { #expect(rest[place].channels == [.control]) }
        if state == .lost { #expect(rest[place].reason.hasPrefix("it was not heard for ")) }
        rest = rest[(place + 1)...]
    }
}
