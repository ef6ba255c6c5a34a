import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// An expected count that is a share of what the cluster can hold.
@Suite struct ShareTests {
    private let app = AppID("TEST_APP-1")
    private let opSpec = ClusterOpSpec(timeout: DurationText(60, .seconds), parallelism: 32)

    private func share(_ text: String, least: Int = 1, most: Int = 2048) throws -> CapacityShare {
        try CapacityShare(parsing: text, least: least, most: most)
    }

    @Test func `an application gets its share of the cores, rounded down`() throws {
        var bench = try Bench(executors: 4)
        bench.ask(.createShare(exampleSpec(cores: 2, memoryMB: 16), try share("30%"), opSpec))
        bench.converge()
        // 4 executors of 8 cores hold 16 instances of 2 cores.
        #expect(bench.application()?.expected == 4)
        #expect(bench.healthy() == 4)
        #expect(bench.application()?.operation == nil)
    }

    @Test func `the share grows when a machine comes and shrinks when one is given up, not while it is silent`() throws
    {
        var bench = try Bench(executors: 4)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        #expect(bench.healthy() == 8)

        let more = TestExecutor(number: 4, cores: 8, memoryMB: 8192)
        bench.executors[more.identity.id] = more
        bench.live(.seconds(2))
        bench.converge()
        #expect(bench.application()?.expected == 10)
        #expect(bench.healthy() == 10)

        let rest = bench.ids.filter { $0 != more.identity.id }
        bench.live(.seconds(8), beating: rest)
        #expect(bench.turn.committed.members[more.identity.id]?.presence == .silent)
        #expect(bench.application()?.expected == 10)
        bench.live(.seconds(4), beating: rest)
        #expect(bench.application()?.expected == 8)
        #expect(bench.notes.contains { $0.contains("follows its share of 25%: 8 instances in place of 10") })
    }

    @Test func `only executors that the application may go to count`() throws {
        var bench = try Bench(executors: 4)
        let spec = exampleSpec(memoryMB: 16, policy: .matchTag("host-1"))
        bench.ask(.createShare(spec, try share("50%"), opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 4)
        #expect(Set(bench.instances().map(\.executor)) == [ExecutorID("executor-1")])
    }

    @Test func `where one executor may have one instance, the share is of the executors`() throws {
        var bench = try Bench(executors: 4)
        bench.ask(.createShare(exampleSpec(memoryMB: 16, policy: .onePerHost), try share("50%"), opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 2)
    }

    @Test func `a share stays between its least and its most`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("1%", least: 3), opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 3)
        bench.ask(.scaleToShare(app, try share("100%", most: 5), opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 5)
        #expect(bench.healthy() == 5)
    }

    @Test func `a share may be of memory or of a named quantity`() throws {
        var bench = try Bench(executors: 2, memoryMB: 1000)
        for id in bench.ids { bench.executors[id]?.description.topology.quantities = ["gpu": 3] }
        for id in bench.ids { bench.executors[id]?.restart() }
        bench.live(.seconds(2))
        let memory = try CapacityShare(parsing: "50%", of: .memory)
        bench.ask(.createShare(exampleSpec(memoryMB: 300), memory, opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 3)
        bench.ask(.scaleToShare(app, try CapacityShare(parsing: "100%", of: .quantity("gpu")), opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 6)
    }

    @Test func `a number in place of the share stands from then on`() throws {
        var bench = try Bench(executors: 4)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        bench.ask(.scale(app, required: 3, opSpec))
        bench.converge()
        #expect(bench.application()?.share == nil)
        let gone = bench.ids[0]
        bench.live(.seconds(12), beating: bench.ids.filter { $0 != gone })
        bench.converge()
        #expect(bench.application()?.expected == 3)
    }

    @Test func `a scaling that is rolled back brings the share back`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        let wish = ClusterOpSpec(timeout: DurationText(5, .seconds), parallelism: 1, failureStrategy: .rollback)
        bench.ask(.scale(app, required: 12, wish))
        bench.live(.seconds(70), delivering: false)
        #expect(bench.application()?.lastOperation?.outcome == .rolledBack)
        #expect(bench.application()?.share == (try share("25%")))
        #expect(bench.application()?.expected == 4)
    }

    @Test func `a scaling that is rolled back brings back the share of what there is by then`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        let wish = ClusterOpSpec(timeout: DurationText(5, .seconds), parallelism: 1, failureStrategy: .rollback)
        bench.ask(.scale(app, required: 12, wish))
        let more = TestExecutor(number: 2, cores: 8, memoryMB: 8192)
        bench.executors[more.identity.id] = more
        bench.live(.seconds(70), delivering: false)
        #expect(bench.application()?.lastOperation?.outcome == .rolledBack)
        #expect(bench.application()?.expected == 6)
    }

    @Test func `another leader goes on with the share`() throws {
        var bench = try Bench(executors: 4)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        try bench.failOver(epoch: 2)
        bench.settle()
        #expect(bench.application()?.expected == 8)
        let gone = bench.ids[0]
        bench.live(.seconds(14), beating: bench.ids.filter { $0 != gone })
        #expect(bench.application()?.expected == 6)
    }

    @Test func `of a quantity each instance takes what it asks for`() throws {
        var bench = try Bench(executors: 2)
        for id in bench.ids { bench.executors[id]?.description.topology.quantities = ["disk": 1000] }
        for id in bench.ids { bench.executors[id]?.restart() }
        bench.live(.seconds(2))
        var spec = exampleSpec(memoryMB: 16)
        spec.resources.diskMB = 250
        let share = try CapacityShare(json: ["share": "50%", "of": "disk"])
        #expect(share == (try CapacityShare(json: ["share": "50%", "of": "DISK"])))
        bench.ask(.createShare(spec, share, opSpec))
        bench.converge()
        #expect(bench.application()?.expected == 4)
    }

    @Test func `a suspension that is cancelled brings the share back`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.createShare(exampleSpec(memoryMB: 16), try share("25%"), opSpec))
        bench.converge()
        bench.ask(.suspend(app, opSpec))
        bench.ask(.cancel(app))
        bench.converge()
        #expect(bench.application()?.share == (try share("25%")))
        #expect(bench.application()?.expected == 4 && bench.healthy() == 4)
    }
}
