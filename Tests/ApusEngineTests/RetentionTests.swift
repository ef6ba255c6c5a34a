import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// What has ended is kept for a while and no longer.
@Suite struct RetentionTests {
    private let app = AppID("TEST_APP-1")
    private static let hour = Duration.seconds(3_600)

    /// Time passes in steps of an hour, everyone beating.
    private func age(_ bench: inout Bench, hours: Int) {
        for _ in 0..<hours {
            bench.pass(Self.hour)
            bench.beat()
            bench.take(.tick)
        }
    }

    @Test func `an application of which nothing is wanted is destroyed after a week`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        age(&bench, hours: 7 * 24 - 1)
        #expect(bench.application() != nil)
        age(&bench, hours: 3)
        #expect(bench.application() == nil)
        #expect(bench.notes.contains { $0.contains("nothing was wanted of it for 7 days") })
        #expect(!bench.store.keys.contains { $0.kind == .application })
    }

    @Test func `a shorter time is kept to while it leads, and looked for as often as is asked`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        age(&bench, hours: 3)
        var retention = Retention()
        retention.applications = Self.hour
        bench.take(.keep(retention))
        bench.pass(.seconds(61))
        bench.take(.tick)
        #expect(bench.application() != nil, "it looks every hour")
        retention.checkInterval = .seconds(60)
        bench.take(.keep(retention))
        bench.pass(.seconds(61))
        bench.take(.tick)
        #expect(bench.application() == nil)
    }

    @Test func `an application that runs stays`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        age(&bench, hours: 8 * 24)
        #expect(bench.healthy() == 1)
    }

    @Test func `a clock that jumps forward destroys nothing until it is believed`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        age(&bench, hours: 2)
        bench.now.wall.milliseconds += Duration.seconds(400 * 86_400).milliseconds
        age(&bench, hours: 20)
        #expect(bench.application() != nil)
        #expect(bench.notes.contains { $0.contains("what is old is kept longer") })
        bench.now.wall.milliseconds -= Duration.seconds(400 * 86_400).milliseconds
        age(&bench, hours: 48)
        #expect(bench.application() != nil)
    }

    @Test func `a leader that starts with a clock far ahead destroys nothing`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        age(&bench, hours: 2)
        bench.now.wall.milliseconds += Duration.seconds(400 * 86_400).milliseconds
        try bench.failOver(epoch: 2)
        age(&bench, hours: 20)
        #expect(bench.application() != nil)
    }

    @Test func `a clock that stays ahead for a day is believed`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        age(&bench, hours: 2)
        bench.now.wall.milliseconds += Duration.seconds(400 * 86_400).milliseconds
        age(&bench, hours: 30)
        #expect(bench.application() == nil)
    }

    private let spec = TaskSpec(
        sourceAppName: "SRC",
        taskID: "T1",
        executable: Executable(url: "job:1"),
        resources: ResourceRequirements(cores: 1, memoryMB: 64),
        placementPolicy: nil
    )

    private func endTask(_ bench: inout Bench) {
        bench.ask(.create(spec, .standard))
        bench.ask(.kill(spec.id, .standard))
        bench.converge()
        #expect(bench.turn.committed.tasks[spec.id]?.end != nil)
    }

    @Test func `what ends while the clock stands back is kept as long as anything else`() throws {
        var bench = try Bench()
        age(&bench, hours: 2)
        bench.now.wall.milliseconds -= Duration.seconds(30 * 86_400).milliseconds
        endTask(&bench)
        age(&bench, hours: 47)
        #expect(bench.turn.committed.tasks[spec.id] != nil)
        age(&bench, hours: 3)
        #expect(bench.turn.committed.tasks[spec.id] == nil)
    }

    @Test func `a clock that stood back and is set right ends nothing at once`() throws {
        var bench = try Bench()
        age(&bench, hours: 2)
        bench.now.wall.milliseconds -= Duration.seconds(30 * 86_400).milliseconds
        age(&bench, hours: 2)
        endTask(&bench)
        bench.now.wall.milliseconds += Duration.seconds(30 * 86_400).milliseconds
        age(&bench, hours: 20)
        #expect(bench.turn.committed.tasks[spec.id] != nil)
    }

    @Test func `a task is forgotten two days after its end`() throws {
        var bench = try Bench()
        endTask(&bench)
        age(&bench, hours: 47)
        #expect(bench.turn.committed.tasks[spec.id] != nil)
        age(&bench, hours: 3)
        #expect(bench.turn.committed.tasks[spec.id] == nil)
        #expect(!bench.store.keys.contains { $0.kind == .task })
    }

    @Test func `of ended instances the newest hundred stay, and those for a week`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        for _ in 0..<125 {
            guard let instance = bench.instances().first else { break }
            bench.executors[instance.executor]?.set(
                instance.id,
                .stopped,
                error: "exit code 1",
                cause: .exited(code: 1, outOfMemory: false),
                at: bench.now.wall
            )
            bench.beat()
            bench.converge()
            bench.live(.seconds(11))
        }
        age(&bench, hours: 1)
        #expect(bench.turn.committed.endedInstances(of: app).count == 100)
        #expect(bench.notes.contains { $0.contains("100 are kept") })
        let pages = bench.store.keys.count { $0.kind == .ended }
        #expect(pages >= 10 && pages <= 12)
        age(&bench, hours: 8 * 24)
        #expect(bench.turn.committed.endedInstances(of: app).isEmpty)
        #expect(!bench.store.keys.contains { $0.kind == .ended })
    }

    @Test func `what ends after a clock that was far ahead was set right is kept as long as all else`() throws {
        var bench = try Bench()
        bench.now.wall.milliseconds += Duration.seconds(400 * 86_400).milliseconds
        try bench.failOver(epoch: 2)
        age(&bench, hours: 2)
        bench.now.wall.milliseconds -= Duration.seconds(400 * 86_400).milliseconds
        bench.create(instances: 0)
        age(&bench, hours: 48)
        #expect(bench.application() != nil)
        age(&bench, hours: 6 * 24)
        #expect(bench.application() == nil)
    }

    @Test func `nothing is destroyed while a restored state is not confirmed`() throws {
        var bench = try Bench()
        bench.create(instances: 0)
        let facts = #"{"schema":1,"mode":"NORMAL","changed":0,"restoration":{"epoch":10,"confirmed":false}}"#
        bench.store[RecordKey(.cluster, "facts")] = Array(facts.utf8)
        try bench.failOver(epoch: 11)
        age(&bench, hours: 8 * 24)
        #expect(bench.application() != nil)
        bench.ask(.cluster(.confirmRestoration))
        age(&bench, hours: 2)
        #expect(bench.application() == nil)
    }

    @Test func `the end of a task that was told late is kept as long as one that was told at once`() throws {
        var bench = try Bench()
        bench.ask(.create(spec, .standard))
        bench.converge()
        let id = try #require(bench.turn.committed.tasks[spec.id]?.instance)
        let home = bench.ids[0]
        bench.executors[home]?.set(id, .stopped, cause: .exited(code: 0, outOfMemory: false), at: bench.now.wall)
        bench.ask(.cluster(.setMode(.maintenance)))
        for _ in 0..<72 {
            bench.pass(Self.hour)
            bench.take(.tick)
        }
        bench.ask(.cluster(.setMode(.normal)))
        bench.beat()
        bench.beat()
        #expect(bench.turn.committed.tasks[spec.id]?.end != nil)
        age(&bench, hours: 47)
        #expect(bench.turn.committed.tasks[spec.id] != nil)
        age(&bench, hours: 3)
        #expect(bench.turn.committed.tasks[spec.id] == nil)
    }
}
