import ApusAgent
import ApusModel
import Testing

/// The task machine of the contract §4.6.
struct TaskTests {
    typealias Bench = TransitionTests.Bench

    private static let container = ContainerID("c")

    private func running() -> Bench {
        var bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.outcome(.started)
        return bench
    }

    @Test func `a task goes through every state to STOPPED with its result, and is never checked`() {
        var bench = Bench(taskSpec())
        #expect(bench.state == .provisioning)
        bench.outcome(.pulled)
        #expect(bench.state == .starting)
        bench.outcome(.created(Self.container, []))
        #expect(bench.state == .starting)
        #expect(bench.job == .start(Self.container))
        #expect(bench.actions.first?.records == [.container(one, Self.container, [])], "it is on record first")
        bench.outcome(.started)
        #expect(bench.state == .running)
        bench.wait(.seconds(60))
        #expect(bench.job == nil)
        bench.step(.containerExited(Self.container, code: 0, outOfMemory: false))
        #expect(bench.state == .deprovisioning)
        let result = JournalRecord.completed(one, .exited(code: 0, outOfMemory: false), error: "")
        #expect(bench.actions.first?.records == [result], "the result is on record before the container goes")
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .exited(code: 0, outOfMemory: false))
        #expect(bench.error.isEmpty)
    }

    @Test(
        arguments: [
            (3, false, "container exited with code 3"), (137, true, "container exited with code 137 (out of memory)"),
        ] as [(Int64, Bool, String)]
    )
    func `another code than 0 is said in words`(code: Int64, outOfMemory: Bool, text: String) {
        var bench = running()
        bench.step(.containerExited(Self.container, code: code, outOfMemory: outOfMemory))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .exited(code: code, outOfMemory: outOfMemory))
        #expect(bench.error == text)
    }

    @Test func `a task that is over before its start is reported done has its result`() {
        var bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.step(.containerExited(Self.container, code: 0, outOfMemory: false))
        bench.outcome(.started)
        #expect(bench.job == .remove(Self.container))
        #expect(bench.cause == .exited(code: 0, outOfMemory: false))
    }

    @Test func `a failed pull, creation or start ends it`() {
        let refused = TransitionTests.refused
        var bench = Bench(taskSpec())
        bench.outcome(refused)
        #expect((bench.state, bench.cause) == (.stopped, .pullFailed))
        bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(refused)
        #expect((bench.state, bench.cause) == (.stopped, .startFailed))
        bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.outcome(refused)
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.removed)
        #expect((bench.state, bench.cause) == (.stopped, .startFailed))
    }

    @Test func `a killed task gets no grace`() {
        var bench = running()
        bench.step(.command(Bench.command(.stop(one, .killed), 2), reply: 2))
        #expect(bench.job == .stop(Self.container, grace: .zero))
        #expect(bench.state == .deprovisioning)
        bench.step(.containerExited(Self.container, code: 137, outOfMemory: false))
        bench.outcome(.stopped)
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .stopped(.killed))
    }

    @Test func `a start whose answer was lost is looked up, not repeated`() {
        var rig = Rig()
        rig.lostStarts = 1
        rig.command(.start(taskSpec()))
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .running)
        #expect(rig.instance(one)?.error == "")
        #expect(rig.jobs.count { $0 == .start(ContainerID("c1")) } == 1)
        rig.kill(ContainerID("c1"), code: 0)
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.cause == .exited(code: 0, outOfMemory: false))
        #expect(rig.starts == [one: 1])
    }

    @Test func `a start that was lost with its answer is repeated only when the engine cannot still have it`() {
        var bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.outcome(.failed(JobFailure(.engineAway, reason: "no answer")))
        #expect(bench.state == .starting)
        #expect(bench.error == "the container could not be started, it is tried again: no answer")
        let labels = found(taskSpec(), ports: [], created: WallTime(milliseconds: 0), epoch: 1)
        let box = FoundContainer(container: Self.container, name: "n", state: .created, labels: .ours(labels))
        for (number, job) in [(2, nil), (3, nil), (4, .start(Self.container))] as [(Int, Job?)] {
            bench.step(.inventory([box], number: number))
            #expect(bench.job == job)
            bench.wait(.seconds(10))
        }
        bench.outcome(.started)
        #expect(bench.state == .running)
    }

    @Test func `an engine that hung gets its time once it answers again, not while it hangs`() {
        var bench = Bench(taskSpec())
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.outcome(.failed(JobFailure(.engineAway, reason: "no answer")))
        var number = 2
        while bench.now < Moment(nanoseconds: 40_000_000_000) {
            bench.step(.inventoryFailed(reason: "no answer", number: number))
            bench.wait(.seconds(2))
            number += 1
        }
        let labels = found(taskSpec(), ports: [], created: WallTime(milliseconds: 0), epoch: 1)
        let box = FoundContainer(container: Self.container, name: "n", state: .created, labels: .ours(labels))
        for job in [nil, nil, .start(Self.container)] as [Job?] {
            bench.step(.inventory([box], number: number))
            #expect(bench.job == job)
            bench.wait(.seconds(10))
            number += 1
        }
    }

    /// Whatever was on disk and at the engine when the executor crashed.
    private func crashes() -> [Rig.Remains] {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(taskSpec()))
        rig.run(for: .seconds(1))
        rig.kill(ContainerID("c1"), code: 3)
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.remains.count > 10)
        return rig.remains
    }

    @Test func `a crash at any point of a task ends in one run and its result`() {
        for (point, remains) in crashes().enumerated() {
            var after = Rig(after: remains, incarnation: 2, made: 10)
            after.settles = false
            after.run(for: .seconds(1))
            // The leader sends it again, as it had no answer.
            after.command(.start(taskSpec()))
            after.run(for: .seconds(30))
            for (container, box) in after.containers where box.state == .running { after.kill(container, code: 3) }
            after.run(for: .seconds(15))
            #expect(after.starts == [one: 1], "crash at \(point): \(remains)")
            #expect(after.instance(one)?.state == .stopped, "crash at \(point): \(remains)")
            #expect(after.instance(one)?.cause == .exited(code: 3, outOfMemory: false), "crash at \(point): \(remains)")
            #expect(after.containers.isEmpty, "crash at \(point): \(remains)")
        }
    }

    @Test func `a task whose container is gone after a crash is not run again`() {
        for (point, remains) in crashes().enumerated() where remains.starts[one] == 1 {
            var bare = remains
            bare.containers = [:]
            var after = Rig(after: bare, incarnation: 2, made: 10)
            after.settles = false
            after.run(for: .seconds(30))
            after.command(.start(taskSpec()))
            after.run(for: .seconds(5))
            #expect(after.starts == [one: 1], "crash at \(point): \(remains)")
            #expect(after.instance(one)?.state == .stopped, "crash at \(point): \(remains)")
            guard after.instance(one)?.cause != .exited(code: 3, outOfMemory: false) else { continue }
            #expect(after.instance(one)?.cause == .exited(code: -1, outOfMemory: false))
            #expect(after.instance(one)?.error == "its container is gone, so how it ended is not known")
        }
    }

    @Test func `a task is neither started nor its result removed while the journal cannot be written`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.pull = .failed(JobFailure(.engineAway, reason: "no answer"))
        rig.command(.start(taskSpec()))
        rig.journalFails = true
        rig.pull = .pulled
        rig.run(for: .seconds(5))
        #expect(rig.starts.isEmpty)
        rig.journalFails = false
        rig.run(for: .seconds(40))
        #expect(rig.instance(one)?.state == .running)
        rig.journalFails = true
        rig.kill(ContainerID("c1"), code: 3)
        rig.run(for: .seconds(10))
        #expect(rig.containers.count == 1)
        #expect(rig.instance(one)?.state == .deprovisioning)
        rig.journalFails = false
        rig.run(for: .seconds(60))
        #expect(rig.containers.isEmpty)
        #expect(rig.instance(one)?.cause == .exited(code: 3, outOfMemory: false))
        #expect(rig.starts == [one: 1])
    }

    @Test func `a running task is found again, and one known by its labels alone too`() {
        var rig = Rig()
        rig.command(.start(taskSpec()))
        rig.run(for: .seconds(1))
        for journal in [rig.journal, []] {
            var after = Rig(after: Rig.Remains(journal: journal, containers: rig.containers), incarnation: 2)
            after.run(for: .seconds(1))
            #expect(after.instance(one)?.state == .running)
            #expect(after.instance(one)?.owner == taskSpec().owner)
            after.kill(ContainerID("c1"), code: 5)
            after.run(for: .seconds(1))
            #expect(after.instance(one)?.cause == .exited(code: 5, outOfMemory: false))
        }
    }

    @Test func `a task runs to its end without a leader and is not started again`() {
        var rig = Rig()
        rig.command(.start(taskSpec()))
        rig.run(for: .seconds(1))
        rig.leaderAway = true
        rig.run(for: .seconds(60))
        #expect(rig.instance(one)?.state == .running)
        rig.kill(ContainerID("c1"), code: 1)
        rig.run(for: .seconds(60))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.starts == [one: 1])
        #expect(rig.journal.contains { if case .ended(let report) = $0 { report.id == one } else { false } })
    }
}
