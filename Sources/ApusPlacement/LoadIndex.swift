import ApusModel

/// Draws executors by what is free on them, without looking at each.
///
/// For each resource a tree of sums (Fenwick, 1994) over the powers of the free amounts, by ordinal.
struct LoadIndex: Sendable {
    /// Sums that were changed more often are made anew: each change rounds.
    private static let mostChanges = 1 << 20

    private struct Sums: Sendable {
        let exponent: Int
        private(set) var powers: [Double] = []
        private var tree: [Double] = [0]
        private var changes = 0

        init(exponent: Int, _ amounts: [Double]) {
            self.exponent = exponent
            powers = amounts.map { Self.power($0, exponent) }
            rebuild()
        }

        private mutating func rebuild() {
            changes = 0
            tree = [0] + powers
            for index in tree.indices.dropFirst() {
                let parent = index + (index & -index)
                if parent < tree.count { tree[parent] += tree[index] }
            }
        }

        mutating func set(_ ordinal: Int, _ amount: Double) {
            let power = Self.power(amount, exponent)
            guard ordinal < powers.count else {
                powers += repeatElement(0, count: ordinal - powers.count) + [power]
                return rebuild()
            }
            guard power != powers[ordinal] else { return }
            let difference = power - powers[ordinal]
            powers[ordinal] = power
            changes += 1
            if changes > LoadIndex.mostChanges { return rebuild() }
            var index = ordinal + 1
            while index < tree.count {
                tree[index] += difference
                index += index & -index
            }
        }

        /// The executor at that part, from 0 to 1, of the sum; `nil` if nothing is free.
        func ordinal(at part: Double) -> Int? {
            var sum = 0.0
            var index = tree.count - 1
            while index > 0 {
                sum += tree[index]
                index -= index & -index
            }
            guard sum > 0 else { return nil }
            var rest = part * sum
            var step = 1 << (Int.bitWidth - 1 - tree.count.leadingZeroBitCount)
            while step > 0 {
                if index + step < tree.count, tree[index + step] <= rest {
                    index += step
                    rest -= tree[index]
                }
                step >>= 1
            }
            return index < powers.count && powers[index] > 0 ? index : nil
        }

        /// No power of what any machine has overflows.
        private static func power(_ amount: Double, _ exponent: Int) -> Double {
            let amount = amount.isFinite ? min(max(0, amount), 1e18) : 0
            return (0..<exponent).reduce(1) { power, _ in power * amount }
        }
    }
    private var memory: Sums
    private var cpu: Sums

    init(_ weights: LoadWeights, _ loads: [HostLoad]) {
        memory = Sums(exponent: weights.memory.exponent, loads.map { Double($0.freeMemoryMB) })
        cpu = Sums(exponent: weights.cpu.exponent, loads.map(\.freeCPU))
    }

    func serves(_ weights: LoadWeights) -> Bool {
        memory.exponent == weights.memory.exponent && cpu.exponent == weights.cpu.exponent
    }

    /// The executor at that part, from 0 to 1, of all that is free of a resource; `nil` if nothing is.
    func ordinal(at part: Double, of resource: LoadWeights.Resource) -> Int? {
        switch resource {
        case .memory: memory.ordinal(at: part)
        case .cpu: cpu.ordinal(at: part)
        }
    }

    mutating func set(_ ordinal: Int, _ load: HostLoad) {
        memory.set(ordinal, Double(load.freeMemoryMB))
        cpu.set(ordinal, load.freeCPU)
    }
}
