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
        var records: [Record] = []
        for kind in RecordKind.allCases { records += try await store.list(kind) }
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
        #expect(engine.state.members.count == 1)
        // The first version knew no tasks.
        let results = engine.state.tasks.values.map {
            "\($0.id) \($0.end?.result.rawValue ?? "") \($0.end?.exitCode ?? 0)"
        }
        #expect(
            state.hasSuffix("/2/state")
                || results.sorted() == ["JOBS/BAD FAILED 3", "JOBS/LONG CANCELLED -1", "JOBS/OK SUCCESSFUL 0"]
        )
    }

    /// What the store of that version holds, and the engine that takes it over.
    private func opened(_ version: Int) async throws -> (records: [Record], engine: Engine) {
        let scratch = try TemporaryDirectory()
        let copy = scratch.path + "/state"
        let state = try #require(Self.states.first { $0.hasSuffix("/\(version)/state") })
        try FileManager.default.copyItem(atPath: state, toPath: copy)
        let store = try await SQLiteStore.open(in: try StateDirectory(at: copy))
        var records: [Record] = []
        for kind in RecordKind.allCases { records += try await store.list(kind) }
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
        let state = try #require(Self.states.first { $0.hasSuffix("/6/state") })
        try FileManager.default.copyItem(atPath: state, toPath: copy)
        let log = try await AuditStore.open(in: try StateDirectory(at: copy))
        let page = try await log.page(AuditQuery(size: 1000))
        try await log.close()
        #expect(page.records.contains { $0["action"] == "APPLICATION_ROLLOUT" && $0["outcome"] == "ACCEPTED" })
        #expect(page.records.first?["sequence"] == .integer(page.last))
    }

    @Test func `what the sixth version stored is stored again as it was, so that it can be gone back to`() async throws
    {
        let (records, engine) = try await opened(6)
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
