import ApusAgent
import ApusModel
import Testing

/// An executor that cannot serve says why, and comes back when it can.
struct SuspicionTests {
    /// What the leader's clock says when this executor's is so far ahead of it, and the answer took so long.
    private func troubles(ahead: Int64, roundTrip: Duration, before: Int64 = 0) -> [String] {
        var rig = Rig()
        rig.run(for: .seconds(1))
        for (offset, delay) in [(before, Duration.zero), (ahead, roundTrip)] {
            rig.answerDelay = delay
            rig.clockAhead = offset
            rig.run(for: .seconds(20))
        }
        return rig.agent.troubles.texts
    }

    @Test func `a clock more than two seconds off suspends, ahead or behind`() {
        #expect(
            troubles(ahead: 2_500, roundTrip: .zero)
                == ["its clock is 2.5 s ahead of the leader's: set one of them right"]
        )
        #expect(
            troubles(ahead: -60_000, roundTrip: .zero) == [
                "its clock is 60.0 s behind the leader's: set one of them right"
            ]
        )
        #expect(troubles(ahead: 1_900, roundTrip: .zero).isEmpty)
        #expect(troubles(ahead: -1_900, roundTrip: .zero).isEmpty)
        #expect(troubles(ahead: Int64.max / 2, roundTrip: .zero).count == 1)
    }

    @Test func `half a slow round trip is taken for error`() {
        // The leader may have looked at its clock right at the beginning.
        #expect(troubles(ahead: 2_900, roundTrip: .seconds(2)).isEmpty)
        #expect(troubles(ahead: 4_500, roundTrip: .seconds(2)).count == 1)
    }

    @Test func `a clock that comes right is trusted again, one that is doubtful is not`() {
        #expect(troubles(ahead: 0, roundTrip: .milliseconds(10), before: 5_000).isEmpty)
        #expect(troubles(ahead: 2_300, roundTrip: .seconds(1), before: 5_000).count == 1)
    }

    @Test func `the reason keeps its words while the clock is wrong, so that nothing new is told`() {
        var rig = Rig()
        rig.answerDelay = .zero
        rig.clockAhead = 5_000
        rig.run(for: .seconds(10))
        let reports = rig.reports.count
        #expect(rig.reports.last?.troubles.channels == [.clock])
        rig.clockAhead = 6_000
        rig.run(for: .seconds(20))
        #expect(rig.reports.count - reports <= 11)
        #expect(rig.agent.troubles.first?.text.hasPrefix("its clock is 5.0 s ahead") == true)
    }

    @Test func `a state directory that cannot be written suspends until it can`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.send(.storageTried(fault: "no space left on device"))
        rig.run(for: .seconds(1))
        #expect(
            rig.reports.last?.troubles
                == [Trouble(.storage, "its state directory cannot be written: no space left on device")]
        )
        rig.send(.storageTried(fault: nil))
        rig.run(for: .seconds(1))
        #expect(rig.reports.last?.troubles == [])
    }
}
