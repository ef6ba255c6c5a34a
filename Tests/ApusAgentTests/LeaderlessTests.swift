import ApusAgent
import ApusModel
import ApusTestKit
import Testing

/// What an executor does on its own while no leader answers (architecture §5).
struct LeaderlessTests {
    private static let c1 = ContainerID("c1")

    /// One healthy instance, and no leader for more than ten seconds.
    private func leaderless() -> Rig {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.leaderAway = true
        rig.run(for: .seconds(13))
        #expect(rig.instance(one)?.state == .healthy)
        return rig
    }

    @Test func `an instance that exits is started again in place at once, and says so`() {
        var rig = leaderless()
        let before = rig.instance(one)
        rig.jobs = []
        rig.kill(Self.c1, code: 1)
        rig.run(for: .milliseconds(100))
        let report = rig.instance(one)
        #expect(report?.state == .healthy)
        #expect(report?.restarts == 1)
        #expect(report?.error == "started again in place once, last: container exited with code 1")
        #expect(report?.cause == nil)
        #expect(report?.ports == before?.ports)
        #expect(report?.allocation == before?.allocation)
        #expect(rig.jobs.first == .start(Self.c1))
        #expect(rig.notes == [.startedAgain(one, count: 1, reason: "container exited with code 1")])
    }

    @Test func `the decision is journalled before the start`() {
        var bench = TransitionTests.Bench()
        bench.reach(.healthy)
        bench.hasLeader = false
        bench.wait(.seconds(10))
        bench.step(.containerExited(ContainerID("c"), code: 1, outOfMemory: false))
        let wall = WallTime(milliseconds: 10_000)
        let record = JournalRecord.restarting(one, count: 1, error: "container exited with code 1", at: wall)
        #expect(bench.actions.first == .record([record]))
        #expect(bench.job == .start(ContainerID("c")))
    }

    @Test func `further restarts wait 1, 2, 4 … 60 seconds, and none after ten healthy seconds`() {
        var rig = leaderless()
        rig.kill(Self.c1)
        rig.run(for: .milliseconds(100))
        for (count, seconds) in [1, 2, 4, 8, 16, 32, 60, 60].enumerated() {
            #expect(rig.instance(one)?.restarts == count + 1)
            #expect(rig.instance(one)?.state == .healthy)
            rig.kill(Self.c1)
            rig.run(for: .milliseconds(100))
            #expect(rig.instance(one)?.state == .unhealthy)
            rig.run(for: .seconds(seconds) - .milliseconds(200))
            #expect(rig.instance(one)?.state == .unhealthy, "before \(seconds) s")
            rig.run(for: .milliseconds(200))
        }
        #expect(rig.starts == [one: 10])
        rig.run(for: .seconds(11))
        rig.kill(Self.c1)
        rig.run(for: .milliseconds(100))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.restarts == 10)
    }

    @Test func `a container that is gone is made again with the ports it had`() {
        var rig = leaderless()
        let ports = rig.instance(one)?.ports ?? []
        rig.containers = [:]
        rig.run(for: .seconds(12))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.ports == ports)
        #expect(rig.containers(of: one) == [ContainerID("c2")])
        #expect(rig.instance(one)?.error == "started again in place once, last: its container is gone")
        #expect(rig.jobs.contains { if case .create(_, _, _, ports) = $0 { true } else { false } })
        // And once more, after a crash.
        let remains = Rig.Remains(journal: rig.journal, containers: [:])
        var after = Rig(after: remains, incarnation: 2, made: 5, leaderAway: true)
        after.run(for: .seconds(12))
        #expect(after.instance(one)?.state == .healthy)
        #expect(after.instance(one)?.ports == ports)
        #expect(after.instance(one)?.restarts == 2)
    }

    @Test func `a container that goes while its restart waits is made again`() {
        var rig = leaderless()
        rig.kill(Self.c1)
        rig.run(for: .milliseconds(100))
        rig.kill(Self.c1)
        rig.run(for: .milliseconds(100))
        rig.containers = [:]
        rig.run(for: .seconds(30))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.containers(of: one) == [ContainerID("c2")])
    }

    @Test func `one that is known by its labels alone ends when its container is gone`() {
        let rig = leaderless()
        var after = Rig(after: Rig.Remains(journal: [], containers: rig.containers), incarnation: 2, leaderAway: true)
        after.run(for: .seconds(12))
        #expect(after.instance(one)?.state == .healthy)
        after.containers = [:]
        after.run(for: .seconds(12))
        #expect(after.instance(one)?.state == .stopped)
        #expect(after.instance(one)?.error == "its container is gone")
    }

    @Test func `a restart that fails is tried again later`() {
        var rig = leaderless()
        rig.containers = [:]
        rig.pull = .failed(JobFailure(.other, reason: "no registry"))
        rig.run(for: .seconds(12))
        #expect(rig.instance(one)?.state == .unhealthy)
        rig.pull = .pulled
        rig.run(for: .seconds(60))
        #expect(rig.instance(one)?.state == .healthy)
    }

    @Test func `a failing check marks an instance and stops nothing; a pass makes it healthy again`() {
        var rig = leaderless()
        rig.check = .failed(JobFailure(.status, reason: "status 503"))
        rig.run(for: .seconds(30))
        #expect(rig.instance(one)?.state == .unhealthy)
        #expect(rig.instance(one)?.cause == .healthFailed(.status))
        #expect(rig.instance(one)?.error == "health check failed 3 of 3 times: status 503")
        #expect(rig.containers[Self.c1]?.state == .running)
        rig.check = .passed
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.cause == nil)
        #expect(rig.instance(one)?.error == "")
    }

    @Test func `a readiness check that fails marks it too, and a pass makes it READY and HEALTHY`() {
        var rig = leaderless()
        rig.check = .failed(JobFailure(.timedOut, reason: "no answer"))
        rig.kill(Self.c1)
        rig.run(for: .seconds(5))
        #expect(rig.instance(one)?.state == .readinessCheckFailed)
        #expect(rig.instance(one)?.cause == .readinessFailed(.timeout))
        rig.check = .passed
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .healthy)
    }

    @Test func `when the leader is back, what still fails goes down, and what healed stays`() {
        for heals in [true, false] {
            var rig = leaderless()
            rig.check = .failed(JobFailure(.status, reason: "status 503"))
            rig.run(for: .seconds(10))
            if heals { rig.check = .passed }
            rig.run(for: .seconds(2))
            rig.leaderAway = false
            rig.run(for: .seconds(3))
            #expect(rig.instance(one)?.state == (heals ? .healthy : .stopped))
            #expect(rig.instance(one)?.cause == (heals ? nil : .healthFailed(.status)))
        }
    }

    @Test func `when the leader is back, one that waits for its restart ends with what it exited with`() {
        var rig = leaderless()
        for _ in 1...4 {
            rig.kill(Self.c1, code: 9)
            rig.run(for: .seconds(3))
        }
        #expect(rig.instance(one)?.state == .unhealthy)
        rig.leaderAway = false
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.instance(one)?.cause == .exited(code: 9, outOfMemory: false))
        #expect(rig.instance(one)?.restarts == 3)
        let after = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        #expect(after.instance(one)?.error == rig.instance(one)?.error)
        #expect(after.instance(one)?.restarts == 3)
    }

    @Test func `with a leader an exit is an end`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.kill(Self.c1)
        rig.run(for: .seconds(30))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.starts == [one: 1])
    }

    @Test(arguments: [true, false])
    func `an exit soon after the last answer waits for the leader, or for ten seconds without one`(comesBack: Bool) {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.leaderAway = true
        rig.run(for: .seconds(5))
        rig.kill(Self.c1)
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .unknown)
        rig.leaderAway = !comesBack
        rig.run(for: .seconds(30))
        #expect(rig.instance(one)?.state == (comesBack ? .stopped : .healthy))
        #expect(rig.starts == [one: comesBack ? 1 : 2])
    }

    @Test func `an exit found after a restart waits until it is known whether a leader is there`() {
        var rig = leaderless()
        rig.kill(Self.c1, code: 2, seen: false)
        let remains = Rig.Remains(journal: rig.journal, containers: rig.containers, starts: rig.starts)
        for leaderReturns in [true, false] {
            var after = Rig(after: remains, incarnation: 2, leaderAway: true)
            after.run(for: .seconds(5))
            #expect(after.instance(one)?.state == .unknown)
            #expect(after.instance(one)?.error == "container exited with code 2")
            after.leaderAway = !leaderReturns
            after.run(for: .seconds(6))
            #expect(after.instance(one)?.state == (leaderReturns ? .stopped : .healthy))
            #expect(after.starts == [one: leaderReturns ? 1 : 2])
        }
    }

    @Test func `what the leader has stopped is never started again`() {
        var spec = instanceSpec()
        spec.spec.preShutdown = PreShutdownSpec(waitBeforeKill: DurationText(60, .seconds))
        var rig = Rig()
        rig.command(.start(spec))
        rig.run(for: .seconds(1))
        rig.command(.stop(one, .scaledDown))
        rig.leaderAway = true
        rig.run(for: .seconds(20))
        #expect(rig.instance(one)?.state == .stopping)
        rig.kill(Self.c1)
        rig.run(for: .seconds(30))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.starts == [one: 1])
    }

    @Test func `an exit that is told once more after the restart counts for nothing`() {
        var rig = leaderless()
        rig.kill(Self.c1, code: 1)
        rig.run(for: .milliseconds(100))
        rig.send(.containerExited(Self.c1, code: 1, outOfMemory: false))
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.restarts == 1)
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.starts == [one: 2])
    }

    @Test func `the count survives a crash and a compaction`() {
        var rig = leaderless()
        rig.kill(Self.c1, code: 1)
        rig.run(for: .milliseconds(100))
        for journal in [rig.journal, rig.agent.compacted()] {
            var after = Rig(after: Rig.Remains(journal: journal, containers: rig.containers), incarnation: 2)
            after.run(for: .seconds(1))
            #expect(after.instance(one)?.state == .healthy)
            #expect(after.instance(one)?.restarts == 1)
            #expect(after.instance(one)?.error == rig.instance(one)?.error)
        }
    }

    @Test func `a crash at any point of a restart in place ends in one healthy container`() {
        var rig = leaderless()
        let before = rig.remains.count
        rig.kill(Self.c1, code: 1)
        rig.run(for: .seconds(1))
        for (point, remains) in rig.remains[before...].enumerated() {
            var after = Rig(after: remains, incarnation: 2, made: 10, leaderAway: true)
            after.run(for: .seconds(20))
            #expect(after.instance(one)?.state == .healthy, "crash at \(point): \(remains)")
            #expect(after.containers(of: one) == [Self.c1], "crash at \(point): \(remains)")
        }
    }
}
