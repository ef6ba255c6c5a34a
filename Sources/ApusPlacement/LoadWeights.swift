/// What is really free on an executor, whatever is held there.
package struct HostLoad: Hashable, Sendable {
    package var freeMemoryMB: Int64
    /// Cores, and parts of one.
    package var freeCPU: Double

    package init(freeMemoryMB: Int64, freeCPU: Double) {
        self.freeMemoryMB = freeMemoryMB
        self.freeCPU = freeCPU
    }
}

/// How much what is free counts when one of several executors is drawn.
///
/// An executor's share is, by resource, its free amount to the power of the exponent among those of all candidates; the
/// shares are weighed and add up to 1.
package struct LoadWeights: Hashable, Sendable {
    package struct Term: Hashable, Sendable {
        /// Not negative.
        package var weight: Double
        /// 0 to 16.
        package var exponent: Int

        package init(weight: Double, exponent: Int) {
            self.weight = weight.isFinite ? max(0, weight) : 0
            self.exponent = min(16, max(0, exponent))
        }
    }
    package let memory: Term
    package let cpu: Term

    /// Without any weight all candidates count alike.
    package init(memory: Term = Term(weight: 3, exponent: 3), cpu: Term = Term(weight: 1, exponent: 1)) {
        let isNothing = memory.weight + cpu.weight == 0
        self.memory = isNothing ? Term(weight: 1, exponent: 0) : memory
        self.cpu = cpu
    }

    enum Resource: Sendable {
        case memory
        case cpu
    }

    private var memoryPart: Double { memory.weight / (memory.weight + cpu.weight) }

    /// The probability of each candidate.
    package func shares(of loads: [HostLoad]) -> [Double] {
        zip(shares(of: loads, by: .memory), shares(of: loads, by: .cpu)).map {
            memoryPart * $0 + (1 - memoryPart) * $1
        }
    }

    /// The resource at that part, from 0 to 1, of all weights.
    func resource(at part: Double) -> Resource { part < memoryPart ? .memory : .cpu }

    /// The probability of each candidate when that resource alone counts.
    func shares(of loads: [HostLoad], by resource: Resource) -> [Double] {
        switch resource {
        case .memory: Self.shares(of: loads.map { Double($0.freeMemoryMB) }, memory.exponent)
        case .cpu: Self.shares(of: loads.map(\.freeCPU), cpu.exponent)
        }
    }

    /// Where nothing is free anywhere, all have the same.
    private static func shares(of amounts: [Double], _ exponent: Int) -> [Double] {
        // Relative to the largest, no power of them overflows.
        let largest = amounts.reduce(0) { $1.isFinite ? max($0, $1) : $0 }
        guard largest > 0 else { return amounts.map { _ in 1 / Double(amounts.count) } }
        let powers = amounts.map { amount in
            let part = amount.isFinite ? max(0, amount / largest) : 0
            return (0..<exponent).reduce(1.0) { power, _ in power * part }
        }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
