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

    private mutating func add(_ result: RunResult) {
        runs += 1
        steps += result.steps
        faults += result.faults
        hash = (hash ^ result.hash) &* 0x0000_0100_0000_01B3
        slowestConvergence = max(slowestConvergence, result.convergence ?? .zero)
        if result.violation != nil { failures.append(result) }
    }
}
