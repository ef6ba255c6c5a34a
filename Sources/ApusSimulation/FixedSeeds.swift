extension Plan {
    /// So many plans: the fixed seeds, and after them those that come next from 1 on.
    package static func fixed(_ count: Int) -> [Plan] {
        let known = Set(fixedSeeds)
        let more = (1...).lazy.map { UInt64($0) }.filter { !known.contains($0) }
        return (fixedSeeds.prefix(count) + more.prefix(max(0, count - fixedSeeds.count))).map { Plan(seed: $0) }
    }

    /// Chosen so that together they meet every fault often, the rarest first:
    /// `scripts/sim --seeds 4000 --choose 200`.
    package static let fixedSeeds: [UInt64] = []
}
