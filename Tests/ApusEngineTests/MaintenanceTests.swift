import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

@Suite struct MaintenanceTests {
    private static let refusal = CommandOutcome.refused(["Cluster is in maintenance mode"])

    @Test func `in maintenance operations are refused with Drove's text; afterwards they are taken at once`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.ask(.cluster(.setMode(.maintenance)))
        #expect(bench.ask(.scale(AppID("TEST_APP-1"), required: 2, .standard)) == Self.refusal)
        #expect(bench.ask(.create(smallTask(), .standard)) == Self.refusal)
        #expect(bench.application()?.expected == 1)
        bench.ask(.cluster(.setMode(.normal)))
        #expect(bench.ask(.scale(AppID("TEST_APP-1"), required: 2, .standard)) != Self.refusal)
        bench.converge()
        #expect(bench.healthy() == 2)
    }

    @Test func `what fails in maintenance is replaced when it ends`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        bench.ask(.cluster(.setMode(.maintenance)))
        let ill = try #require(bench.instances().first?.id)
        bench.executors[bench.ids[0]]?.set(ill, .unhealthy, error: "ill", at: bench.now.wall)
        bench.beat()
        bench.executors[bench.ids[0]]?.set(ill, .stopped, error: "ill", at: bench.now.wall)
        bench.live(.seconds(60))
        #expect(bench.instances().count == 1)
        bench.ask(.cluster(.setMode(.normal)))
        bench.converge()
        #expect(bench.healthy() == 2)
    }

    @Test func `nobody is given up in maintenance; whoever is still silent when it ends is, after the usual time`()
        throws
    {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        let (first, second) = (bench.ids[0], bench.ids[1])
        bench.ask(.cluster(.setMode(.maintenance)))
        bench.live(.seconds(120), beating: [first])
        #expect(bench.turn.committed.members[second]?.presence == .silent)
        #expect(bench.healthy() == 2)
        bench.ask(.cluster(.setMode(.normal)))
        bench.live(.seconds(8), beating: [first])
        #expect(bench.turn.committed.members[second]?.presence == .silent)
        bench.live(.seconds(4), beating: [first])
        #expect(bench.turn.committed.members[second]?.isLost == true)
        #expect(bench.instances().allSatisfy { $0.executor == first })
        #expect(bench.instances().count == 2)
    }

    @Test func `maintenance survives a change of leader, and so does its end`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.ask(.cluster(.setMode(.maintenance)))
        try bench.failOver(epoch: 2)
        #expect(bench.turn.committed.facts.mode == .maintenance)
        bench.live(.seconds(30), beating: [bench.ids[0]])
        #expect(bench.instances().count == 2)
        #expect(!bench.turn.committed.members.contains { $0.value.isLost })
        bench.ask(.cluster(.setMode(.normal)))
        try bench.failOver(epoch: 3)
        #expect(bench.turn.committed.facts.mode == .normal)
    }

    @Test func `an operation under way goes on in maintenance, and may be cancelled`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.ask(.scale(AppID("TEST_APP-1"), required: 3, .standard))
        bench.ask(.cluster(.setMode(.maintenance)))
        bench.converge()
        #expect(bench.healthy() == 3)
        bench.ask(.cluster(.setMode(.normal)))
        bench.ask(.scale(AppID("TEST_APP-1"), required: 4, .standard))
        bench.ask(.cluster(.setMode(.maintenance)))
        #expect(bench.ask(.cancel(AppID("TEST_APP-1"))) == .accepted(.application(AppID("TEST_APP-1"))))
    }

    @Test func `an ended task is kept in maintenance past its time, and may be deleted`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        bench.endTask()
        #expect(bench.task()?.end?.result == .successful)
        bench.ask(.cluster(.setMode(.maintenance)))
        bench.pass(.seconds(3 * 86_400))
        bench.take(.tick)
        #expect(bench.task() != nil)
        #expect(
            bench.ask(.forget(TaskID(source: "SRC", name: "T1"))) == .accepted(.task(TaskID(source: "SRC", name: "T1")))
        )
        #expect(bench.task() == nil)
    }
}
