import ApusEngine
import ApusModel
import HashTreeCollections
import Testing

/// A leader that hears fewer than half of its members may be cut off itself: controllers that stand by tell.
@Suite struct StandbyTests {
    private static let settings: EngineSettings = {
        var settings = EngineSettings()
        settings.standbyPatience = .seconds(3)
        return settings
    }()

    private func bench(_ executors: Int) throws -> Bench { try Bench(executors: executors, settings: Self.settings) }

    private func lost(_ bench: Bench) -> [ExecutorID] {
        bench.ids.filter { bench.turn.committed.members[$0]?.isLost == true }
    }

    @Test func `when more than half are silent the standby leads that reaches most of them, and the audit says why`()
        throws
    {
        var bench = try bench(5)
        bench.create(instances: 5)
        bench.converge()
        bench.live(.seconds(7), beating: Array(bench.ids[..<2]))
        #expect(bench.questions == 1)
        bench.take(.standbys([StandbyView(id: "c", reached: 3), StandbyView(id: "b", reached: 5)]))
        #expect(bench.successors == ["b"])
        #expect(bench.causes(.leadershipHandedOver) == ["3 of 5 executors are silent here, and b reaches 5"])
        #expect(bench.decided(.leadershipHandedOver).first?.detail == ["to": "b"])
        #expect(lost(bench).isEmpty && bench.instances().count == 5)
    }

    @Test func `of two that reach the same the first by id leads`() throws {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "c", reached: 2), StandbyView(id: "b", reached: 2)]))
        #expect(bench.successors == ["b"])
    }

    @Test(arguments: [(1, 1), (1, 2), (1, 3), (2, 4)])
    func `nobody is asked when half or fewer are silent, or one machine, and it is given up in its time`(
        silent: Int,
        of count: Int
    ) throws {
        var bench = try bench(count)
        let gone = Array(bench.ids[..<silent])
        bench.live(.seconds(9), beating: Array(bench.ids[silent...]))
        #expect(lost(bench).isEmpty)
        bench.live(.seconds(2), beating: Array(bench.ids[silent...]))
        #expect(lost(bench) == gone)
        #expect(bench.questions == 0)
    }

    @Test func `those that were lost before do not count`() throws {
        var bench = try bench(5)
        bench.live(.seconds(11), beating: Array(bench.ids[2...]))
        #expect(lost(bench).count == 2 && bench.questions == 0)
        bench.live(.seconds(7), beating: [bench.ids[4]])
        #expect(bench.questions == 1)
    }

    @Test(arguments: [[], [StandbyView(id: "b", reached: 1)]])
    func `when no standby reaches more than half the loss is real, and takes no longer`(views: [StandbyView]) throws {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys(views))
        #expect(bench.successors.isEmpty)
        bench.live(.seconds(4), beating: [])
        #expect(lost(bench) == bench.ids)
        #expect(bench.questions == 1)
    }

    @Test func `nobody is given up before it is known what standbys reach, nor waits for that for ever`() throws {
        var bench = try bench(3)
        let ids = bench.ids
        bench.live(.seconds(3), beating: [ids[1], ids[2]])
        // The second falls silent after 9 s, one second before the first is due.
        bench.live(.milliseconds(8500), beating: [ids[2]])
        #expect(bench.questions == 1)
        #expect(lost(bench).isEmpty)
        bench.live(.seconds(1), beating: [ids[2]])
        #expect(lost(bench) == [ids[0]])
        #expect(bench.notes.contains { $0.contains("was not known in time") })
        bench.live(.seconds(1), beating: [ids[2]])
        #expect(lost(bench) == [ids[0], ids[1]])
    }

    @Test func `what comes when they are heard again changes nothing, and the next silence is asked about anew`() throws
    {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.live(.seconds(1))
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        #expect(bench.successors.isEmpty)
        bench.live(.seconds(7), beating: [])
        #expect(bench.questions == 2)
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        #expect(bench.successors == ["b"])
    }

    @Test func `the leadership goes round once a minute, and nobody is given up meanwhile whom another reaches`()
        throws
    {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        try bench.failOver(epoch: 2)
        bench.live(.milliseconds(6500), beating: [])
        #expect(bench.questions == 2)
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        bench.live(.seconds(50), beating: [])
        #expect(bench.successors == ["b"] && bench.questions == 2)
        #expect(lost(bench).isEmpty)
        bench.live(.seconds(4), beating: [])
        #expect(bench.questions == 3)
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        #expect(bench.successors == ["b", "a"])
        #expect(lost(bench).isEmpty)
    }

    @Test(arguments: [-3_600, -400, -60, 60, 400, 3_600])
    func `so it is where the clocks of two controllers differ by that many seconds`(_ seconds: Int64) throws {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        bench.now.wall = WallTime(milliseconds: bench.now.wall.milliseconds + seconds * 1000)
        try bench.failOver(epoch: 2)
        bench.live(.milliseconds(6500), beating: [])
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        #expect(bench.successors == ["b"])
        bench.live(.seconds(54), beating: [])
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        #expect(bench.successors == ["b", "a"])
        #expect(lost(bench).isEmpty)
    }

    @Test func `if leaders gave way to each other three times, and none hears the members, the loss is real`() throws {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        for (epoch, successor) in [(2, "a"), (3, "b")] {
            try bench.failOver(epoch: Epoch(epoch))
            bench.live(.milliseconds(6500), beating: [])
            bench.take(.standbys([StandbyView(id: successor, reached: 2)]))
            bench.live(.seconds(54), beating: [])
            bench.take(.standbys([StandbyView(id: successor, reached: 2)]))
        }
        #expect(bench.successors == ["b", "a", "b"])
        try bench.failOver(epoch: 4)
        bench.live(.milliseconds(6500), beating: [])
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        bench.live(.seconds(4), beating: [])
        #expect(bench.successors == ["b", "a", "b"])
        #expect(lost(bench) == bench.ids)
    }

    @Test func `a minute later it may go on to another one`() throws {
        var bench = try bench(2)
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        try bench.failOver(epoch: 2)
        bench.live(.seconds(60))
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([StandbyView(id: "a", reached: 2)]))
        #expect(bench.successors == ["b", "a"])
    }

    @Test func `those who are silent when maintenance ends are asked about anew before they are given up`() throws {
        var bench = try bench(2)
        bench.ask(.cluster(.setMode(.maintenance)))
        bench.live(.seconds(7), beating: [])
        bench.take(.standbys([]))
        bench.live(.seconds(60), beating: [])
        #expect(bench.questions == 1)
        bench.ask(.cluster(.setMode(.normal)))
        #expect(bench.questions == 2)
        bench.take(.standbys([StandbyView(id: "b", reached: 2)]))
        #expect(bench.successors == ["b"])
        #expect(lost(bench).isEmpty)
    }

    @Test func `a controller without others asks nobody`() throws {
        var bench = try Bench(executors: 2)
        bench.live(.seconds(11), beating: [])
        #expect(bench.questions == 0)
        #expect(lost(bench) == bench.ids)
    }
}
