import ApusModel
import ApusPlacement
import Testing

/// Tasks go by chance, more often to where more is free.
struct LoadTests {
    private let e0 = ExecutorID("e0")
    private let e1 = ExecutorID("e1")

    private func percent(_ shares: [Double]) -> [Double] { shares.map { ($0 * 10_000).rounded() / 100 } }

    @Test func `1000 and 3000 MB free at equal CPU share 15.18 to 84.82`() {
        let loads = [1000, 3000].map { HostLoad(freeMemoryMB: $0, freeCPU: 7) }
        #expect(percent(LoadWeights().shares(of: loads)) == [15.18, 84.82])
    }

    @Test func `weights and exponents are as configured`() {
        let loads = [HostLoad(freeMemoryMB: 100, freeCPU: 1), HostLoad(freeMemoryMB: 300, freeCPU: 1)]
        let linear = LoadWeights(memory: .init(weight: 1, exponent: 1), cpu: .init(weight: 0, exponent: 1))
        #expect(percent(linear.shares(of: loads)) == [25, 75])
        let even = LoadWeights(memory: .init(weight: 1, exponent: 0), cpu: .init(weight: 5, exponent: 2))
        #expect(percent(even.shares(of: loads)) == [50, 50])
    }

    @Test func `wild numbers still give shares that sum to one`() {
        let wild = [
            HostLoad(freeMemoryMB: .max, freeCPU: .infinity), HostLoad(freeMemoryMB: .min, freeCPU: .nan),
            HostLoad(freeMemoryMB: 1, freeCPU: -1),
        ]
        #expect(abs(LoadWeights().shares(of: wild).reduce(0, +) - 1) < 1e-9)
        let idle = LoadWeights(memory: .init(weight: .nan, exponent: 99), cpu: .init(weight: -1, exponent: -1))
        #expect(percent(idle.shares(of: wild)) == [33.33, 33.33, 33.33])
        #expect(LoadWeights().shares(of: []) == [])
    }

    /// How many of a thousand tasks, each placed alone, go to `e1`.
    private func shareOfSecond(_ ledger: Ledger) -> Int {
        var count = 0
        for number in 0..<1000 {
            var ledger = ledger
            var wanted = request("t\(number)")
            wanted.loadWeights = LoadWeights()
            if ledger.placed(wanted, tieBreak: UInt64(number)).hasPrefix("e1") { count += 1 }
        }
        return count
    }

    @Test func `they are drawn by what executors measure, or else by what is not held`() {
        var ledger = Ledger(.pinned(cores: [4], memoryMB: 1000), .pinned(cores: [4], memoryMB: 3000))
        #expect((810...885).contains(shareOfSecond(ledger)))
        ledger.setLoad(e0, HostLoad(freeMemoryMB: 3000, freeCPU: 4))
        ledger.setLoad(e1, HostLoad(freeMemoryMB: 1000, freeCPU: 4))
        #expect((115...190).contains(shareOfSecond(ledger)))
        ledger.setLoad(e0, nil)
        ledger.setLoad(e1, nil)
        #expect((810...885).contains(shareOfSecond(ledger)))
        #expect(shareOfSecond(ledger) == shareOfSecond(ledger))
    }

    @Test func `on many executors the shares are the same, of those that can take it`() {
        var ledger = Ledger()
        var loads: [HostLoad] = []
        for number in 0..<300 {
            // A third of them can take it.
            let load = HostLoad(freeMemoryMB: Int64(1000 + 10 * number), freeCPU: Double(1 + number % 7))
            let executor = ExecutorID("e\(number)")
            let traits = HostTraits(hostname: "h\(number)", tags: number % 3 == 0 ? [] : ["ssd"])
            ledger.offer(executor, topology: .pinned(cores: [4]), traits: traits)
            ledger.setLoad(executor, load)
            if number % 3 == 0 { loads.append(load) }
        }
        let shares = LoadWeights().shares(of: loads)
        var counts = [Int](repeating: 0, count: loads.count)
        let draws = 20_000
        for number in 0..<draws {
            var wanted = request("t")
            wanted.loadWeights = LoadWeights()
            guard case .placed(let executor, _) = ledger.place(wanted, tieBreak: UInt64(number)),
                let index = Int(executor.rawValue.dropFirst())
            else { return }
            #expect(index % 3 == 0)
            counts[index / 3] += 1
            ledger.release(InstanceID("t"))
        }
        // Half of the executors with the least share together, and the other half.
        let expected = shares.prefix(50).reduce(0, +) * Double(draws)
        #expect(abs(Double(counts.prefix(50).reduce(0, +)) - expected) < 0.03 * Double(draws))
        let deviation = zip(counts, shares).map { count, share in
            let expected = share * Double(draws)
            return (Double(count) - expected) * (Double(count) - expected) / expected
        }.reduce(0, +)
        // Chi squared of 99 degrees of freedom: beyond 160 once in 10,000.
        #expect(deviation < 160)
    }

    @Test func `only executors that can take it are drawn`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [1]))
        ledger.setLoad(e1, HostLoad(freeMemoryMB: 1_000_000, freeCPU: 1000))
        for number in 0..<2 {
            var wanted = request("t\(number)", cores: 2, policy: .maxPerHost(2))
            wanted.loadWeights = LoadWeights()
            #expect(ledger.placed(wanted, tieBreak: UInt64(number)).hasPrefix("e0"))
        }
    }
}
