import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

extension RealZooKeeper {
    /// The tree that version 7 left in ZooKeeper, `Tests/Golden/7/state/zookeeper.jsonl`.
    @Suite(.oneZooKeeper) struct GoldenTests {
        private func withTree(_ body: (ZooKeeperStore, ZooKeeperDump) async throws -> Void) async throws {
            let dump = try ZooKeeperDump(file: goldenPath("7/state/zookeeper.jsonl"))
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address) { try await dump.put(on: $0.session) }
            try await withZooKeeper(address) { try await body($0, dump) }
        }

        @Test func `a leader takes the cluster over with all its records and with what its members went through`()
            async throws
        {
            try await withTree { store, dump in
                let cluster = try #require(dump["/cluster"])
                #expect(try await store.cluster(orFound: "another") == cluster)
                let before = try await store.currentEpoch()
                #expect(dump["/epoch"] == "\(before)" && before > 1)
                let epoch = try await store.acquireEpoch()
                #expect(epoch > before)
                var records: [Record] = []
                for kind in RecordKind.allCases { records += try await store.list(kind) }
                // "/records/<kind>/<bucket>/<id>"
                let stored = dump.nodes.filter { node in
                    node.path.hasPrefix("/records/") && node.path.split(separator: "/").count == 4
                }
                let listed = records.map { String(decoding: $0.bytes, as: UTF8.self) }
                #expect(listed.sorted() == stored.map(\.text).sorted())
                let engine = try Engine(
                    cluster: ClusterID(cluster),
                    epoch: epoch,
                    seed: 1,
                    records: records,
                    at: Times(now: .zero, wall: WallTime(milliseconds: 0))
                )
                try expectPastOfVersion7(engine.state)
                #expect(engine.state.facts.restoration == nil)
                #expect(engine.state.instances(of: AppID("HELLO-1")).count == 2)
                let facts = Array(engine.state.facts.record.serialized.utf8)
                try await store.commit(Batch(epoch: epoch, writes: [.put(ClusterFacts.key, facts)]))
                let turn = try #require(dump["/turn"].flatMap { Int64($0) })
                #expect(try await store.changes(since: turn).writes == [.put(ClusterFacts.key, facts)])
            }
        }

        @Test func `one that stands by reads from the log what was committed last`() async throws {
            try await withTree { store, dump in
                let turn = try #require(dump["/turn"].flatMap { Int64($0) })
                let changes = try await store.changes(since: turn - 1)
                #expect(changes.turn == turn && !changes.isWhole && !changes.writes.isEmpty)
            }
        }

        @Test func `the controllers that were there are listed as absent, each with where it was`() async throws {
            try await withTree { store, _ in
                let leadership = ZooKeeperLeadership(store: store, id: "another:1", description: [])
                let controllers = try await leadership.controllers()
                #expect(controllers.count == 2 && controllers.allSatisfy { !$0.isPresent && !$0.isLeader })
                for controller in controllers {
                    let card = try JSON(parsing: controller.description)
                    #expect(controller.id == "\(try card.string("hostname")):\(try card.integer("port"))")
                }
            }
        }
    }
}
