import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// Disk as a quantity that is held, and load as what decides where tasks go.
@Suite struct QuantityTests {
    private func bench(executors: Int = 1, diskMB: Int64 = 1000) throws -> Bench {
        var bench = try Bench(executors: executors)
        for id in bench.ids {
            bench.executors[id]?.description.topology.quantities = [Topology.disk: diskMB]
            bench.executors[id]?.restart()
        }
        bench.beat()
        bench.beat()
        return bench
    }

    private func spec(_ name: String = "TEST_APP", diskMB: Int64) -> ApplicationSpec {
        var spec = exampleSpec(name: name)
        spec.resources.diskMB = diskMB
        return spec
    }

    @Test func `disk is held by those who ask for it, and no more than there is`() throws {
        var bench = try bench()
        bench.create(instances: 3, spec(diskMB: 400))
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.application()?.shortfall?.text == "0 of 1 executors fit: 1 not enough disk")
        bench.create(instances: 1, exampleSpec(name: "SMALL"))
        bench.converge()
        #expect(bench.healthy("SMALL-1") == 1)
    }

    @Test func `memory that is plugged in is placed on at once, and a new leader knows of it`() throws {
        var bench = try Bench(memoryMB: 128)
        bench.create(instances: 2)
        bench.converge()
        #expect(bench.healthy() == 1)
        bench.executors[bench.ids[0]]?.describe { $0.topology.nodes[0].memoryMB = 256 }
        bench.converge()
        #expect(bench.healthy() == 2)
        try bench.failOver(epoch: 2)
        #expect(bench.turn.committed.members[bench.ids[0]]?.description.topology.nodes[0].memoryMB == 256)
    }

    @Test func `memory that is taken away ends nothing, and is not placed on again`() throws {
        var bench = try Bench(memoryMB: 256)
        bench.create(instances: 2)
        bench.converge()
        bench.executors[bench.ids[0]]?.describe { $0.topology.nodes[0].memoryMB = 128 }
        bench.converge()
        #expect(bench.healthy() == 2)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.converge()
        bench.ask(.scale(AppID("TEST_APP-1"), required: 2, .standard))
        bench.converge()
        #expect(bench.healthy() == 1)
    }

    @Test func `a new leader holds the disk of what runs, before and after it is heard`() throws {
        var bench = try bench()
        bench.create(instances: 2, spec(diskMB: 400))
        bench.converge()
        try bench.failOver(epoch: 2)
        bench.create(instances: 1, spec("LATE", diskMB: 400))
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.healthy("LATE-1") == 0)
        #expect(bench.application("LATE-1")?.shortfall?.text == "0 of 1 executors fit: 1 not enough disk")
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
        bench.converge()
        #expect(bench.healthy("LATE-1") == 1)
    }

    @Test func `what an unknown container holds is counted, and disk comes back with what ends`() throws {
        var bench = try bench()
        bench.create(instances: 2, spec(diskMB: 500))
        bench.converge()
        let ledger = bench.turn.committed.ledger()
        let request = PlacementRequest(
            InstanceID("x"),
            for: .application(spec("NEW", diskMB: 1)),
            group: PlacementGroup(version: AppID("NEW-1"), name: "NEW")
        )
        #expect(ledger.explain(request) == [bench.ids[0]: .notEnough(quantity: "disk")])
        bench.ask(.suspend(AppID("TEST_APP-1"), .standard))
        bench.converge()
        #expect(bench.turn.committed.ledger().explain(request) == [bench.ids[0]: nil])
    }

    // MARK: load

    private func task(_ number: Int) -> TaskSpec {
        TaskSpec(
            sourceAppName: "SRC",
            taskID: "T\(number)",
            executable: Executable(url: "job:1"),
            resources: ResourceRequirements(cores: 1, memoryMB: 1)
        )
    }

    @Test func `tasks go by proportional share to the executors that report more free`() throws {
        var bench = try Bench(executors: 2, cores: 512)
        let loads = [NodeLoad(freeMemoryMB: 1000, freeCPU: 4000), NodeLoad(freeMemoryMB: 3000, freeCPU: 4000)]
        for (id, load) in zip(bench.ids, loads) { bench.executors[id]?.load = load }
        bench.beat()
        for number in 0..<400 { bench.ask(.create(task(number), .standard)) }
        let first = bench.turn.committed.instances.values.count { $0.executor == bench.ids[0] }
        // 15.18 % of 400 are 61; four standard deviations are 29.
        #expect((32...90).contains(first), "\(first)")
    }

    @Test func `an executor with nothing free gets no task while another has something`() throws {
        var bench = try Bench(executors: 2, cores: 64)
        bench.executors[bench.ids[0]]?.load = NodeLoad(freeMemoryMB: 0, freeCPU: 0)
        bench.executors[bench.ids[1]]?.load = NodeLoad(freeMemoryMB: 100, freeCPU: 100)
        bench.beat()
        for number in 0..<20 { bench.ask(.create(task(number), .standard)) }
        #expect(bench.turn.committed.instances.values.allSatisfy { $0.executor == bench.ids[1] })
    }

    @Test func `a load that changes is stored nowhere`() throws {
        var bench = try Bench()
        let before = bench.store
        bench.executors[bench.ids[0]]?.load = NodeLoad(freeMemoryMB: 17, freeCPU: 1)
        bench.beat()
        #expect(bench.turn.committed.members[bench.ids[0]]?.load == NodeLoad(freeMemoryMB: 17, freeCPU: 1))
        #expect(bench.store == before)
    }
}
