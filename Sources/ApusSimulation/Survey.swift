/// What many runs amount to.
package struct Survey: Sendable {
    private static let leastSteps = 2000
    private static let leastSpan = Duration.seconds(600)
    private static let executors = 5...30

    package private(set) var runs = 0
    package private(set) var steps = 0
    package private(set) var hits = Hits()
    private var failed: [RunResult] = []
    /// The runs in which something did not hold, by seed.
    package var failures: [RunResult] { failed.sorted { $0.seed < $1.seed } }
    package private(set) var slowestConvergence = Duration.zero
    /// The seed that took so long.
    package private(set) var slowest: UInt64 = 0
    /// Of all runs, whatever their order.
    package private(set) var hash: UInt64 = 0

    /// The seeds whose runs were shorter, or had fewer or more executors, than they are to have.
    package private(set) var small: [UInt64] = []

    package init() {}

    /// So many seeds of these runs, by what they add to what was chosen before: a cell counts for the less, the more of
    /// the chosen met it.
    package static func choose(_ count: Int, of results: [RunResult]) -> [UInt64] {
        var left = results.sorted { $0.seed < $1.seed }.map { (seed: $0.seed, cells: $0.hits.cells) }
        var met: [String: Int] = [:]
        var chosen: [UInt64] = []
        func gain(_ cells: [String]) -> Double {
            cells.reduce(0) { sum, cell in
                let earlier = Double(met[cell] ?? 0)
                return sum + 1 / (1 + earlier * earlier)
            }
        }
        while chosen.count < count, !left.isEmpty {
            let gains = left.map { gain($0.cells) }
            guard let best = gains.indices.max(by: { gains[$0] < gains[$1] }) else { break }
            let (seed, cells) = left.remove(at: best)
            for cell in cells { met[cell, default: 0] += 1 }
            chosen.append(seed)
        }
        return chosen
    }

    package mutating func add(_ result: RunResult) {
        runs += 1
        steps += result.steps
        hits += result.hits
        let isWhole = result.steps >= Self.leastSteps && result.span >= Self.leastSpan
        if result.violation == nil, !isWhole || !Self.executors.contains(result.executors) { small.append(result.seed) }
        hash &+= (result.seed ^ result.hash) &* 0x0000_0100_0000_01B3
        if let span = result.convergence, span > slowestConvergence {
            (slowestConvergence, slowest) = (span, result.seed)
        }
        if result.violation != nil { failed.append(result) }
    }
}
