import ApusController
import ApusModel
import Testing

/// When a leader's loop counts as hung.
@Suite struct LoopWatchTests {
    private static let patience: Duration = .seconds(10)

    private var watch = LoopWatch()
    private var now = Moment.zero

    /// Looks five times a second for so long, at a loop that shows the same all the time.
    private mutating func look(_ count: UInt64?, for span: Duration) -> LoopWatch.Verdict {
        var verdict = LoopWatch.Verdict.alive
        let end = now + span
        while now < end, verdict == .alive {
            verdict = watch.look(at: count.map { LoopWatch.Beat(count: $0, patience: Self.patience) }, now)
            now = now + .milliseconds(200)
        }
        return verdict
    }

    @Test mutating func `a loop that comes round is alive, however long it lasts`() {
        for count in 1...50 { #expect(look(UInt64(count), for: .seconds(9)) == .alive) }
    }

    @Test mutating func `a loop that has shown nothing for its patience hangs`() {
        #expect(look(1, for: .seconds(3)) == .alive)
        #expect(look(2, for: .seconds(20)) == .hung(for: Self.patience))
    }

    @Test mutating func `a process that stood still is not taken for a loop that hangs, unless it goes on hanging`() {
        #expect(look(1, for: .seconds(9)) == .alive)
        now = now + .seconds(3600)
        #expect(look(1, for: .seconds(9)) == .alive)
        #expect(look(1, for: .seconds(2)) == .hung(for: Self.patience))
    }

    @Test mutating func `nobody waits for a loop that rests, and one that begins again has its whole patience`() {
        #expect(look(1, for: .seconds(9)) == .alive)
        #expect(look(nil, for: .seconds(60)) == .alive)
        #expect(look(1, for: .seconds(9)) == .alive)
        #expect(look(1, for: .seconds(2)) == .hung(for: Self.patience))
    }
}
