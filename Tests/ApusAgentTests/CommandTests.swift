import ApusAgent
import ApusModel
import ApusTestKit
import Testing

struct CommandTests {
    private func refusal(_ answer: CommandAnswer?) -> CommandAnswer.Refusal? {
        guard case .refused(let refusal, _) = answer else { return nil }
        return refusal
    }

    private func reason(_ answer: CommandAnswer?) -> String {
        guard case .refused(_, let reason) = answer else { return "" }
        return reason
    }

    private func accepted(_ answer: CommandAnswer?) -> InstanceReport? {
        guard case .accepted(let report) = answer else { return nil }
        return report
    }

    @Test func `a start is journalled before it is acted on or answered`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        let times = rig.times
        var turn = rig.turn
        let spec = instanceSpec()
        let command = TransitionTests.Bench.command(.start(spec), 1)
        let actions = turn.take(.command(command, reply: 9), at: times)
        #expect(
            actions == [
                .record([
                    .accepted(spec, created: times.wall, epoch: 1), .fence(Fence(epoch: 1, sequence: 1)),
                ])
            ]
        )
        let released = turn.recorded(at: times)
        #expect(released.contains { if case .answer(9, .accepted) = $0 { true } else { false } })
        #expect(released.contains { if case .perform(one, _, .pull) = $0 { true } else { false } })
    }

    @Test func `another cluster's, executor's or key's command is refused`() {
        var rig = Rig()
        let good = TransitionTests.Bench.command(.start(instanceSpec()), 1)
        var cluster = good
        cluster.cluster = ClusterID("other")
        var executor = good
        executor.executor = ExecutorID("other")
        var key = good
        key.key = NodeKey("other")
        for (reply, command) in [(1, cluster), (2, executor), (3, key)] as [(Int64, NodeCommand)] {
            rig.send(.command(command, reply: reply))
        }
        #expect(refusal(rig.answers[1]) == .wrongCluster)
        #expect(refusal(rig.answers[2]) == .wrongExecutor)
        #expect(refusal(rig.answers[3]) == .wrongExecutor)
        #expect(rig.agent.instances.isEmpty)
        // Whoever asks is not told its key: by that it is known.
        let own = Rig.identity.id
        #expect(reason(rig.answers[2]) == "this is executor \(own), not other")
        #expect(reason(rig.answers[3]) == "this is another executor \(own) than was meant: their keys differ")
    }

    @Test func `a command whose fence is not above the highest is refused`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()), fence: Fence(epoch: 2, sequence: 5))
        let other = NodeCommand.Order.start(instanceSpec("AI-2", cores: [1]))
        #expect(refusal(rig.command(other, fence: Fence(epoch: 2, sequence: 5))) == .staleFence)
        #expect(refusal(rig.command(other, fence: Fence(epoch: 1, sequence: 9))) == .staleFence)
        #expect(refusal(rig.command(.stop(one, .replaced), fence: Fence(epoch: 1, sequence: 9))) == .staleFence)
        #expect(rig.instance(one)?.state != .stopping)
        #expect(accepted(rig.command(other, fence: Fence(epoch: 3, sequence: 1))) != nil)
    }

    @Test func `a start that is repeated is answered with the state and does nothing`() {
        var rig = Rig()
        let fence = Fence(epoch: 1, sequence: 5)
        rig.command(.start(instanceSpec()), fence: fence)
        rig.run(for: .seconds(1))
        let jobs = rig.jobs
        #expect(accepted(rig.command(.start(instanceSpec()), fence: fence))?.state == .healthy)
        #expect(rig.jobs == jobs)
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(1))
        #expect(accepted(rig.command(.start(instanceSpec()), fence: fence))?.state == .stopped)
        #expect(accepted(rig.command(.start(instanceSpec())))?.state == .stopped)
        #expect(rig.containers.isEmpty)
    }

    @Test func `a start whose cores another holds is refused, naming it, until that one has ended`() {
        var rig = Rig()
        rig.command(.start(instanceSpec(cores: [0, 1])))
        let answer = rig.command(.start(instanceSpec("AI-2", cores: [1, 2])))
        #expect(refusal(answer) == .resourcesHeld)
        #expect(reason(answer) == "instance AI-1 holds cores [1] of NUMA node 0")
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(1))
        #expect(accepted(rig.command(.start(instanceSpec("AI-3", cores: [1, 2])))) != nil)
    }

    @Test func `a start whose memory is not there is refused`() {
        var rig = Rig()
        rig.command(.start(instanceSpec(memoryMB: 1000)))
        let answer = rig.command(.start(instanceSpec("AI-2", cores: [1], memoryMB: 25)))
        #expect(refusal(answer) == .resourcesHeld)
        #expect(reason(answer).contains("24 MB of 1024 MB left, 25 MB are asked for; held by AI-1"))
        #expect(accepted(rig.command(.start(instanceSpec("AI-3", cores: [1], memoryMB: 24)))) != nil)
    }

    @Test func `a refused start that comes again late does not run after all`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        let fence = Fence(epoch: 1, sequence: 2000)
        #expect(refusal(rig.command(.start(instanceSpec("AI-2")), fence: fence)) == .resourcesHeld)
        rig.command(.stop(one, .scaledDown), fence: Fence(epoch: 1, sequence: 2001))
        rig.run(for: .seconds(1))
        #expect(refusal(rig.command(.start(instanceSpec("AI-2")), fence: fence)) == .staleFence)
    }

    @Test func `what is not built is refused by name`() {
        var rig = Rig()
        var spec = exampleSpec(name: "TEST", version: "1")
        spec.type = .computation
        spec.placementPolicy = .local(hostLevel: false)
        let start = InstanceSpec(id: one, spec: spec, allocation: instanceSpec().allocation)
        let answer = rig.command(.start(start))
        #expect(refusal(answer) == .unsupported)
        #expect(reason(answer).contains("COMPUTATION"))
        #expect(reason(answer).contains("LOCAL"))
        #expect(refusal(rig.command(.start(instanceSpec(cores: [7])))) == .unsupported)
    }

    @Test func `a stop of an unknown id is kept, and a start that comes after it does not run`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        #expect(rig.command(.stop(one, .replaced)) == .accepted(nil))
        #expect(rig.command(.stop(one, .replaced)) == .accepted(nil))
        var later = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        let report = accepted(later.command(.start(instanceSpec())))
        #expect(report?.state == .stopped)
        #expect(report?.cause == .stopped(.replaced))
        later.run(for: .seconds(3))
        #expect(later.jobs.isEmpty)
        #expect(later.reports.contains { $0.instances.contains { $0.id == one && $0.state == .stopped } })
    }

    @Test func `ended ids are forgotten an hour after the leader has committed the end`() {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.command(.stop(one, .scaledDown))
        rig.command(.stop(two, .scaledDown))
        rig.run(for: .seconds(4000))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.journal.contains(.forgotten(two)))
        rig.send(.reportFailed(number: 0))
        rig.settles = true
        rig.epoch = 2
        // A new leader knows nothing yet and asks for everything.
        rig.run(for: .seconds(4))
        #expect(!rig.journal.contains(.forgotten(one)))
        rig.askForAll()
        rig.run(for: .seconds(3500))
        #expect(rig.instance(one) != nil)
        rig.run(for: .seconds(200))
        #expect(rig.instance(one) == nil)
        #expect(rig.journal.contains(.forgotten(one)))
    }
}
