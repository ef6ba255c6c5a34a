import ApusAgent
import ApusModel
import Testing

struct ReportTests {
    /// The reports among the actions.
    private func sent(_ actions: [AgentAction]) -> [NodeReport] {
        actions.compactMap { if case .report(let report, _) = $0 { report } else { nil } }
    }

    private func answer(
        _ applied: Int64,
        epoch: Epoch = 1,
        verdict: ReportAnswer.Verdict = .applied,
        canCommit: Bool = true
    ) -> ReportAnswer {
        ReportAnswer(
            verdict: verdict,
            epoch: epoch,
            canCommit: canCommit,
            applied: applied,
            settled: [],
            reason: "no"
        )
    }

    /// A turn over a disk that never fails.
    struct Line {
        var turn: AgentTurn
        var now = Moment.zero

        init() {
            let times = Times(now: .zero, wall: WallTime(milliseconds: 0))
            turn = AgentTurn(
                Agent(identity: Rig.identity, description: Rig.description, replaying: [], at: times)
            )
        }

        mutating func take(_ event: AgentEvent, after span: Duration = .zero) -> [AgentAction] {
            now = now + span
            let times = Times(now: now, wall: WallTime(milliseconds: now.nanoseconds / 1_000_000))
            var actions = turn.take(event, at: times)
            while turn.isRecording { actions += turn.recorded(at: times) }
            return actions
        }
    }

    @Test func `the first report is a full list with the description`() {
        var line = Line()
        let report = sent(line.take(.tick)).first
        #expect(report?.base == 0)
        #expect(report?.revision == 1)
        #expect(report?.description == Rig.description)
        #expect(report?.fence == nil)
    }

    @Test func `a changed description is told until a leader has it, and not again`() {
        var line = Line()
        _ = line.take(.tick)
        // The answer brings the first epoch, which is acknowledged at once.
        _ = line.take(.reportAnswered(answer(1), number: 1), after: .milliseconds(10))
        _ = line.take(.reportAnswered(answer(1), number: 2), after: .milliseconds(10))
        var grown = Rig.description
        grown.topology.nodes[0].memoryMB = 2048
        let told = sent(line.take(.described(grown)))
        #expect(told.map(\.description) == [grown])
        #expect(told.map(\.base) == [1])
        #expect(told.map(\.revision) == [2])
        _ = line.take(.reportFailed(number: 3), after: .milliseconds(10))
        let again = sent(line.take(.tick, after: .seconds(1)))
        #expect(again.map(\.description) == [grown])
        _ = line.take(.reportAnswered(answer(2), number: 4), after: .milliseconds(10))
        #expect(sent(line.take(.described(grown))).isEmpty)
        #expect(sent(line.take(.tick, after: .seconds(2))).map(\.description) == [nil])
    }

    @Test func `a description that no leader would take is left aside`() {
        var line = Line()
        _ = line.take(.tick)
        var wrong = Rig.description
        wrong.metadata["rack"] = String(repeating: "x", count: 1025)
        _ = line.take(.described(wrong))
        #expect(line.turn.agent.description == Rig.description)
        #expect(line.turn.agent.revision == 1)
    }

    @Test func `a heartbeat follows every two seconds, half a second after a failure`() {
        var line = Line()
        _ = line.take(.tick)
        // The answer brings the first epoch, and recording that is acknowledged at once.
        #expect(sent(line.take(.reportAnswered(answer(1), number: 1))).first?.fence == Fence(epoch: 1, sequence: 0))
        #expect(sent(line.take(.reportAnswered(answer(1), number: 2))).isEmpty)
        #expect(sent(line.take(.tick, after: .milliseconds(1999))).isEmpty)
        let heartbeat = sent(line.take(.tick, after: .milliseconds(1)))
        #expect(heartbeat.count == 1)
        #expect(heartbeat.first?.base == 1)
        #expect(heartbeat.first?.description == nil)
        #expect(sent(line.take(.reportFailed(number: 3))).isEmpty)
        #expect(sent(line.take(.tick, after: .milliseconds(499))).isEmpty)
        #expect(sent(line.take(.tick, after: .milliseconds(1))).count == 1)
    }

    @Test func `changes during a report go out right after it, and only one is under way`() {
        var line = Line()
        _ = line.take(.tick)
        let start = AgentEvent.command(TransitionTests.Bench.command(.start(instanceSpec()), 1), reply: 1)
        #expect(sent(line.take(start)).isEmpty)
        let next = sent(line.take(.reportAnswered(answer(1), number: 1))).first
        #expect(next?.instances.map(\.state) == [.provisioning])
        #expect(next?.base == 1)
        #expect(next?.fence == Fence(epoch: 1, sequence: 1))
    }

    @Test func `what a lost answer leaves unknown is said again`() {
        var line = Line()
        _ = line.take(.tick)
        _ = line.take(.reportAnswered(answer(1), number: 1))
        _ = line.take(.reportAnswered(answer(1), number: 2))
        let start = AgentEvent.command(TransitionTests.Bench.command(.start(instanceSpec()), 1), reply: 1)
        let first = sent(line.take(start)).first
        #expect(first?.instances.count == 1)
        _ = line.take(.reportFailed(number: 3))
        let again = sent(line.take(.tick, after: .milliseconds(500))).first
        #expect(again?.base == 1)
        #expect(again?.instances == first?.instances)
        _ = line.take(.reportAnswered(answer(2), number: 4))
        #expect(sent(line.take(.tick, after: .seconds(2))).first?.instances.isEmpty == true)
    }

    @Test func `a leader that has applied less than our base gets what it lacks at once`() {
        var line = Line()
        _ = line.take(.tick)
        _ = line.take(.reportAnswered(answer(1), number: 1))
        let start = AgentEvent.command(TransitionTests.Bench.command(.start(instanceSpec()), 1), reply: 1)
        _ = line.take(start)
        _ = line.take(.reportAnswered(answer(2), number: 2))
        _ = line.take(.reportAnswered(answer(2), number: 3))
        _ = line.take(.tick, after: .seconds(2))
        let full = sent(line.take(.reportAnswered(answer(0, epoch: 2), number: 4))).first
        #expect(full?.base == 0)
        #expect(full?.description == Rig.description)
        #expect(full?.instances.count == 1)
        #expect(full?.fence == Fence(epoch: 2, sequence: 0))
        // One that keeps asking is served with the heartbeat, not in a ring.
        #expect(sent(line.take(.reportAnswered(answer(0, epoch: 2), number: 5))).isEmpty)
        #expect(sent(line.take(.tick, after: .seconds(2))).first?.base == 0)
    }

    @Test func `a greater epoch is journalled before it is acknowledged`() {
        var line = Line()
        let times = Times(now: .zero, wall: WallTime(milliseconds: 0))
        _ = line.take(.tick)
        let actions = line.turn.take(.reportAnswered(answer(1, epoch: 7), number: 1), at: times)
        #expect(actions == [.record([.fence(Fence(epoch: 7, sequence: 0))])])
        #expect(sent(line.turn.recorded(at: times)).first?.fence?.epoch == 7)
    }

    @Test func `an epoch that cannot be journalled is not acknowledged`() {
        var line = Line()
        let times = Times(now: .zero, wall: WallTime(milliseconds: 0))
        _ = line.take(.tick)
        _ = line.turn.take(.reportAnswered(answer(1, epoch: 7), number: 1), at: times)
        let actions = line.turn.recordFailed(reason: "disk full", at: times)
        #expect(sent(actions).allSatisfy { $0.fence == nil })
        #expect(line.turn.agent.fence == nil)
        let retried = line.take(.tick, after: .seconds(1))
        #expect(retried.contains(.rewrite([.fence(Fence(epoch: 7, sequence: 0))])))
        #expect(line.turn.agent.fence?.epoch == 7)
    }

    @Test func `a deposed leader's answer counts for nothing`() {
        var line = Line()
        _ = line.take(.tick)
        _ = line.take(.reportAnswered(answer(1, epoch: 5), number: 1))
        #expect(line.turn.agent.lastAnsweredByCommittingLeader == .zero)
        _ = line.take(.reportAnswered(answer(0, epoch: 4), number: 2), after: .seconds(1))
        #expect(line.turn.agent.lastAnsweredByCommittingLeader == .zero)
        #expect(sent(line.take(.tick, after: .milliseconds(500))).first?.base == 1)
    }

    @Test func `a leader that cannot commit is no leader that answered`() {
        var line = Line()
        _ = line.take(.tick)
        _ = line.take(.reportAnswered(answer(1, canCommit: false), number: 1))
        #expect(line.turn.agent.lastAnsweredByCommittingLeader == nil)
    }

    @Test func `a refusal is noted once and the heart goes on beating`() {
        var line = Line()
        _ = line.take(.tick)
        let refusal = answer(0, verdict: .refused)
        #expect(line.take(.reportAnswered(refusal, number: 1)).contains(.note(.reportRefused(reason: "no"))))
        #expect(sent(line.take(.tick, after: .seconds(2))).count == 1)
        #expect(!line.take(.reportAnswered(refusal, number: 2)).contains(.note(.reportRefused(reason: "no"))))
    }

    @Test func `why it is stale again and again is noted once, and the leader counts as one that answered`() {
        var line = Line()
        _ = line.take(.tick)
        let stale = answer(0, verdict: .stale)
        let told = line.take(.reportAnswered(stale, number: 1))
        #expect(told.contains(.note(.reportRefused(reason: "no"))))
        #expect(line.turn.agent.lastAnsweredByCommittingLeader != nil)
        #expect(sent(told).count == 1, "it brings the first epoch, which is acknowledged at once")
        #expect(!line.take(.reportAnswered(stale, number: 2)).contains(.note(.reportRefused(reason: "no"))))
    }

    @Test func `a tick at the deadline always moves it on, though nobody ever answers`() {
        var bench = TransitionTests.Bench(hasLeader: false)
        bench.reach(.healthy)
        for _ in 0..<300 {
            guard let deadline = bench.agent.nextDeadline else {
                return #expect(Bool(false), "there is always a next heartbeat")
            }
            bench.wait(max(deadline - bench.now, .zero))
            #expect(bench.agent.nextDeadline.map { $0 > bench.now } == true)
        }
    }
}
