/// What many runs amount to.
package struct Survey: Sendable {
    package private(set) var runs = 0
    package private(set) var steps = 0
    package private(set) var faults = FaultTable()
    /// The runs in which something did not hold, by seed.
    package private(set) var failures: [RunResult] = []
    package private(set) var slowestConvergence = Duration.zero
    /// Of all runs in the order of their seeds.
    package private(set) var hash: UInt64 = 0

    /// What these runs amount to; their order does not matter.
    package init(_ results: [RunResult]) {
        for result in results.sorted(by: { $0.seed < $1.seed }) { add(result) }
    }

    /// So many seeds of these runs, by what they add to what was chosen before: a fault counts for the less, the more of
    /// the chosen met it.
    package static func choose(_ count: Int, of results: [RunResult]) -> [UInt64] {
        var left = results.sorted { $0.seed < $1.seed }
        var met = [Fault: Int]()
        var chosen: [UInt64] = []
        func gain(_ result: RunResult) -> Double {
            Fault.allCases.reduce(0) { sum, fault in
                guard result.faults[fault] > 0 else { return sum }
                let earlier = Double(met[fault] ?? 0)
                return sum + 1 / (1 + earlier * earlier)
            }
        }
        while chosen.count < count, let best = left.indices.max(by: { gain(left[$0]) < gain(left[$1]) }) {
            let result = left.remove(at: best)
            for fault in Fault.allCases where result.faults[fault] > 0 { met[fault, default: 0] += 1 }
            chosen.append(result.seed)
        }
        return chosen
    }

    private mutating func add(_ result: RunResult) {
        runs += 1
        steps += result.steps
        faults += result.faults
        hash = (hash ^ result.hash) &* 0x0000_0100_0000_01B3
        slowestConvergence = max(slowestConvergence, result.convergence ?? .zero)
        if result.violation != nil { failures.append(result) }
    }
}
