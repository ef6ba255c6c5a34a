import ApusAgent
import ApusModel
import Testing

struct AgentTurnTests {
    @Test func `events that arrive during a write wait for its end, in their order`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        var turn = rig.turn
        let first = TransitionTests.Bench.command(.start(instanceSpec()), 1)
        let second = TransitionTests.Bench.command(.stop(one, .replaced), 2)
        #expect(turn.take(.command(first, reply: 1), at: rig.times).count == 1)
        #expect(turn.isRecording)
        #expect(turn.nextDeadline == nil)
        #expect(turn.take(.command(second, reply: 2), at: rig.times).isEmpty)
        #expect(turn.take(.tick, at: rig.times).isEmpty)
        let actions = turn.recorded(at: rig.times)
        #expect(actions.contains { if case .answer(1, _) = $0 { true } else { false } })
        // The stop needs a write of its own before its answer.
        #expect(turn.isRecording)
        #expect(actions.last?.records?.contains(.stopTold(one, .replaced, at: rig.times.wall)) == true)
        #expect(turn.recorded(at: rig.times).contains { if case .answer(2, _) = $0 { true } else { false } })
        #expect(!turn.isRecording)
    }

    @Test func `facts that nothing waits for come after the actions`() {
        var bench = TransitionTests.Bench()
        bench.outcome(.pulled)
        bench.outcome(.created(ContainerID("c"), []))
        guard case .record(let records) = bench.actions.last else {
            return #expect(Bool(false), "the container must be recorded last")
        }
        #expect(records == [.container(one, ContainerID("c"), [])])
        #expect(bench.job == .start(ContainerID("c")))
    }

    @Test func `the word that a write ended is ignored when none is under way`() {
        var rig = Rig()
        #expect(rig.turn.recorded(at: rig.times).isEmpty)
        #expect(rig.turn.recordFailed(reason: "x", at: rig.times).isEmpty)
    }
}

extension AgentAction {
    var records: [JournalRecord]? {
        if case .record(let records) = self { records } else { nil }
    }
}
