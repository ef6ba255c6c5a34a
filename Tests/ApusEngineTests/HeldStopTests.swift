import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// Containers that nothing known claims are stopped, unless so many are that the controller may have forgotten.
@Suite struct HeldStopTests {
    /// An executor that has these instances of applications that the cluster may not know.
    private func plant(_ bench: inout Bench, on executor: ExecutorID, _ apps: [String]) -> [InstanceID] {
        apps.enumerated().map { index, app in
            let id = InstanceID("AI-\(executor)-\(app)-\(index)")
            let revision = (bench.executors[executor]?.revision ?? 0) + 1
            bench.executors[executor]?.revision = revision
            bench.executors[executor]?.instances[id] = InstanceReport(
                id: id,
                owner: .application(AppID(app)),
                appName: app,
                state: .healthy,
                allocation: ResourceAllocation(numaNode: 0, cores: [index], memoryMB: 64),
                ports: [],
                error: "",
                cause: nil,
                created: bench.now.wall,
                updated: bench.now.wall,
                revision: revision
            )
            return id
        }
    }

    private func left(_ bench: Bench) -> [InstanceID] {
        bench.executors.values.flatMap(\.instances.values).filter { $0.state == .healthy }.map(\.id).sorted()
    }

    @Test func `three of different applications are stopped within half a minute`() throws {
        var bench = try Bench()
        _ = plant(&bench, on: bench.ids[0], ["A-1", "B-1", "C-1"])
        bench.live(.seconds(20))
        #expect(left(bench).isEmpty)
        #expect(bench.turn.committed.heldStops.isEmpty)
    }

    @Test func `more than three of one executor's containers are held, until somebody confirms it`() throws {
        var bench = try Bench()
        let planted = plant(&bench, on: bench.ids[0], ["A-1", "B-1", "C-1", "D-1"])
        bench.live(.seconds(40))
        #expect(left(bench) == planted.sorted())
        #expect(bench.turn.committed.heldStops.map(\.instance) == planted.sorted())
        #expect(bench.notes.count { $0.contains("4 stops on executor-0 are held") } == 1)
        guard case .cluster(.released(let stops)) = bench.ask(.cluster(.confirmStops)) else {
            Issue.record("not released")
            return
        }
        #expect(stops.map(\.instance) == planted.sorted())
        bench.live(.seconds(5))
        #expect(left(bench).isEmpty)
        #expect(bench.turn.committed.heldStops.isEmpty)
    }

    @Test func `a quarter of an executor's containers may be more than three`() throws {
        var bench = try Bench(cores: 32, memoryMB: 65_536)
        bench.create(instances: 20)
        bench.converge()
        let names = ["A-1", "B-1", "C-1", "D-1"]
        let planted = plant(&bench, on: bench.ids[0], names)
        bench.live(.seconds(20))
        #expect(Set(left(bench)).isDisjoint(with: planted))
    }

    @Test func `two of one unknown application are held wherever they are, also when one comes later`() throws {
        var bench = try Bench(executors: 2)
        var planted = plant(&bench, on: bench.ids[0], ["A-1"])
        bench.live(.seconds(5))
        planted += plant(&bench, on: bench.ids[1], ["A-1"])
        bench.live(.seconds(40))
        #expect(left(bench) == planted.sorted())
        #expect(bench.turn.committed.heldStops.count == 2)
    }

    @Test func `what is held becomes its application's when that is created`() throws {
        var bench = try Bench()
        let planted = plant(&bench, on: bench.ids[0], ["TEST_APP-1", "TEST_APP-1"])
        bench.live(.seconds(20))
        #expect(bench.turn.committed.heldStops.count == 2)
        bench.create(instances: 2)
        bench.converge()
        #expect(bench.turn.committed.heldStops.isEmpty)
        #expect(bench.instances().map(\.id).sorted() == planted.sorted())
    }

    @Test func `surplus of a known application is never held`() throws {
        var bench = try Bench(cores: 16)
        bench.create(instances: 1)
        bench.converge()
        _ = plant(&bench, on: bench.ids[0], Array(repeating: "TEST_APP-1", count: 5))
        bench.live(.seconds(10))
        #expect(bench.turn.committed.heldStops.isEmpty)
        #expect(bench.instances().count == 1)
    }
}
