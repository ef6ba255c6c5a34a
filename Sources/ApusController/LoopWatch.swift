package import ApusModel

/// Whether a loop hangs: its beats and the time in, a verdict out.
package struct LoopWatch: Sendable {
    /// What a loop that is to come round shows of itself.
    package struct Beat: Hashable, Sendable {
        /// How often it came round.
        package var count: UInt64
        /// How long it may take until the next time.
        package var patience: Duration

        package init(count: UInt64, patience: Duration) { (self.count, self.patience) = (count, patience) }
    }

    package enum Verdict: Hashable, Sendable {
        case alive
        case hung(for: Duration)
    }

    /// Between two looks no more passes unless the whole process stood still, and the loop with it.
    package static let longestGap: Duration = .seconds(2)

    private var last: Beat?
    /// Since when the loop has shown nothing new.
    private var since = Moment.zero
    private var looked = Moment.zero

    package init() {}

    /// Looks at the last beat, of which there is none while nobody waits for the loop.
    package mutating func look(at beat: Beat?, _ now: Moment) -> Verdict {
        defer { (last, looked) = (beat, now) }
        guard let beat, beat == last, now - looked <= Self.longestGap else {
            since = now
            return .alive
        }
        return now - since < beat.patience ? .alive : .hung(for: now - since)
    }
}
