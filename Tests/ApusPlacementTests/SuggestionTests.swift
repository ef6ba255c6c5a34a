import ApusModel
import ApusPlacement
import Testing

/// The cheapest single change that makes room.
struct SuggestionTests {
    private let e0 = ExecutorID("e0")
    private let e1 = ExecutorID("e1")

    private func suggestion(_ request: PlacementRequest, _ ledger: Ledger) -> String? {
        ledger.suggestion(for: request)?.description
    }

    @Test func `nothing is suggested where there is room, or no single change makes it`() {
        #expect(suggestion(request("a"), Ledger(.pinned(cores: [4]))) == nil)
        #expect(suggestion(request("a"), Ledger()) == nil)
        #expect(suggestion(request("a", cores: 2, memoryMB: 2000), Ledger(.pinned(cores: [1]))) == nil)
    }

    @Test func `asking for less, whichever is the smaller part`() {
        let ledger = Ledger(.pinned(cores: [3]), .pinned(cores: [8], memoryMB: 400))
        #expect(suggestion(request("a", cores: 4, memoryMB: 500), ledger) == "ask for 100 MB less memory")
        #expect(suggestion(request("a", cores: 4, memoryMB: 900), ledger) == "ask for 1 core fewer")
    }

    @Test func `a quantity counts as memory does`() {
        let ledger = Ledger(.pinned(cores: [4], quantities: ["disk": 90]))
        #expect(suggestion(request("a", quantities: ["disk": 100]), ledger) == "ask for 10 less disk")
        #expect(suggestion(request("a", quantities: ["disk": 100, "gpu": 1]), ledger) == nil)
    }

    @Test func `what nobody can ask less of is freed where the least has to go`() {
        var ledger = Ledger(.pinned(cores: [2]), .pinned(cores: [1]))
        #expect(ledger.placed(request("a", cores: 2)) == "e0 [0, 1]")
        #expect(ledger.placed(request("b")) == "e1 [0]")
        #expect(suggestion(request("c"), ledger) == "free 1 core on executor e0")
    }

    @Test func `a limit per host is raised`() {
        var ledger = Ledger(.pinned(cores: [8]), .pinned(cores: [8]))
        for name in ["a", "b", "c", "d"] { _ = ledger.placed(request(name, policy: .maxPerHost(2))) }
        #expect(suggestion(request("e", policy: .maxPerHost(2)), ledger) == "allow 3 per host (MAX_N_PER_HOST)")
        #expect(suggestion(request("e", policy: .onePerHost), ledger) == "allow 3 per host (MAX_N_PER_HOST)")
    }

    @Test func `suspended executors that would take it are resumed first of all`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [4]), .pinned(cores: [1]))
        ledger.setAdmission(e0, .closed(.suspendedByOperator))
        #expect(suggestion(request("a", cores: 2), ledger) == nil)
        ledger.setAdmission(e1, .closed(.suspendedByOperator))
        #expect(suggestion(request("a", cores: 2), ledger) == "resume one of 2 suspended executors")
        ledger.setAdmission(e1, .closed(.silent))
        #expect(suggestion(request("a", cores: 2), ledger) == "resume the suspended executor")
    }

    @Test func `the skew of a spread is raised`() {
        var ledger = Ledger()
        for (executor, zone, cores) in [(e0, "a", 1), (e1, "b", 4)] {
            let traits = HostTraits(hostname: executor.rawValue, zone: zone)
            ledger.offer(executor, topology: .pinned(cores: [cores]), traits: traits)
        }
        let policy = PlacementPolicy.spread(SpreadPolicy(.zone))
        #expect(ledger.placed(request("a", cores: 2, policy: policy)) == "e1 [0, 1]")
        #expect(suggestion(request("b", cores: 2, policy: policy), ledger) == "raise maxSkew of SPREAD to 2")
    }

    @Test func `a quantity that is taken is to be freed where as much is offered`() {
        var ledger = Ledger(
            .pinned(cores: [4], quantities: ["disk": 100]),
            .pinned(cores: [4], quantities: ["disk": 60])
        )
        #expect(ledger.placed(request("a", quantities: ["disk": 100])) == "e0 [0]")
        #expect(ledger.placed(request("b", quantities: ["disk": 60])) == "e1 [0]")
        #expect(suggestion(request("c", quantities: ["disk": 80]), ledger) == "free 80 disk on executor e0")
        #expect(suggestion(request("c", quantities: ["disk": 200]), ledger) == nil)
    }

    @Test func `nothing is suggested that the API would refuse`() {
        var ledger = Ledger(.pinned(cores: [80]))
        for number in 0..<64 { _ = ledger.placed(request("a\(number)", policy: .maxPerHost(64))) }
        #expect(suggestion(request("x", policy: .maxPerHost(64)), ledger) == nil)
        var zones = Ledger()
        for (executor, zone, cores) in [(e0, "a", 1), (e1, "b", 80)] {
            let traits = HostTraits(hostname: executor.rawValue, zone: zone)
            zones.offer(executor, topology: .pinned(cores: [cores]), traits: traits)
        }
        let policy = PlacementPolicy.spread(SpreadPolicy(.zone, maxSkew: 64))
        for number in 0..<64 { _ = zones.placed(request("b\(number)", cores: number == 0 ? 2 : 1, policy: policy)) }
        #expect(suggestion(request("y", cores: 2, policy: policy), zones) == nil)
    }
}
