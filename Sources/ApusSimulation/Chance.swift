import ApusModel

/// Draws of one purpose: a draw added here does not shift what another purpose draws.
struct Chance: Sendable {
    private var random: SplitMix64

    init(seed: UInt64, purpose: UInt64) {
        var mixer = SplitMix64(seed: seed &+ purpose &* 0xA24B_AED4_963E_E407)
        random = SplitMix64(seed: mixer.next())
    }

    /// True so many times of a thousand.
    mutating func hits(_ perMille: Int) -> Bool {
        perMille > 0 && Int.random(in: 0..<1000, using: &random) < perMille
    }

    mutating func number(in range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// A span of so many milliseconds, to the microsecond.
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(Int.random(in: range.lowerBound * 1000...range.upperBound * 1000, using: &random))
    }

    mutating func pick<Choices: RandomAccessCollection>(_ choices: Choices) -> Choices.Element? {
        choices.randomElement(using: &random)
    }

    mutating func seed() -> UInt64 { random.next() }
    mutating func uuid() -> String { random.uuid() }
}

/// One generator for each purpose.
struct Chances: Sendable {
    var profile: Chance
    var network: Chance
    var controller: Chance
    var disk: Chance
    var containers: Chance
    var requests: Chance
    var mischief: Chance

    init(seed: UInt64) {
        profile = Chance(seed: seed, purpose: 1)
        network = Chance(seed: seed, purpose: 2)
        controller = Chance(seed: seed, purpose: 3)
        disk = Chance(seed: seed, purpose: 4)
        containers = Chance(seed: seed, purpose: 5)
        requests = Chance(seed: seed, purpose: 6)
        mischief = Chance(seed: seed, purpose: 7)
    }
}
