import ApusModel
import ApusPlacement
import Testing

struct PlacementTests {
    let e0 = ExecutorID("e0")
    let e1 = ExecutorID("e1")

    @Test func `the lowest free slots of the node are handed out`() {
        var ledger = Ledger(.pinned(cores: [4]))
        #expect(ledger.placed(request("a", cores: 2)) == "e0 [0, 1]")
        #expect(ledger.placed(request("b")) == "e0 [2]")
        ledger.release(InstanceID("a"))
        #expect(ledger.placed(request("c", app: "other-1")) == "e0 [0]")
    }

    @Test func `an instance lives within one NUMA node`() {
        var ledger = Ledger(.pinned(cores: [2, 2]))
        #expect(
            ledger.placed(request("a", cores: 3))
                == "0 of 1 executors fit: 1 not enough cores and memory on one NUMA node"
        )
        #expect(ledger.placed(request("b")) == "e0 [0]")
        #expect(ledger.placed(request("c", cores: 2)) == "e0 [2, 3]")
        #expect(ledger.placed(request("d", cores: 2)) == "0 of 1 executors fit: 1 not enough cores")
    }

    @Test func `cores on one node and memory on another do not fit`() {
        var ledger = Ledger()
        let nodes = [
            Topology.Node(id: 0, cores: [0, 1], memoryMB: 10), Topology.Node(id: 1, cores: [2], memoryMB: 500),
        ]
        ledger.offer(e0, topology: Topology(nodes: nodes, sharing: .pinned), traits: HostTraits(hostname: "h"))
        #expect(ledger.explain(request("a", cores: 2, memoryMB: 100)) == [e0: .notEnoughOnOneNode])
        #expect(ledger.explain(request("a", cores: 1, memoryMB: 511)) == [e0: .notEnoughMemory])
        #expect(ledger.explain(request("a", cores: 1, memoryMB: 100)) == [e0: nil])
    }

    @Test func `instances of one application spread, fewest first`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [4]))
        let first = ledger.placed(request("a"))
        let second = ledger.placed(request("b"))
        #expect(Set([first, second]) == ["e0 [0]", "e1 [0]"])
    }

    @Test func `best fit keeps the large hole`() {
        var ledger = Ledger(.pinned(cores: [8]), .pinned(cores: [2, 4]))
        #expect(ledger.placed(request("a", app: "a-1", cores: 2)) == "e1 [0, 1]")
        #expect(ledger.placed(request("b", app: "b-1", cores: 2)) == "e1 [2, 3]")
        #expect(ledger.placed(request("c", app: "c-1", cores: 2)) == "e1 [4, 5]")
        #expect(ledger.placed(request("d", app: "d-1", cores: 8)) == "e0 [0, 1, 2, 3, 4, 5, 6, 7]")
    }

    @Test func `of equal core holes the one with the least memory is filled`() {
        var ledger = Ledger(.pinned(cores: [2], memoryMB: 900), .pinned(cores: [2], memoryMB: 300))
        #expect(ledger.placed(request("a", memoryMB: 200)) == "e1 [0]")
    }

    @Test func `ONE_PER_HOST takes each executor once, per version`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [4]))
        for instance in ["a", "b"] { _ = ledger.placed(request(instance, policy: .onePerHost)) }
        #expect(
            ledger.placed(request("c", policy: .onePerHost))
                == "0 of 2 executors fit: 2 already runs an instance of it"
        )
        #expect(ledger.placed(request("d", app: "app-2", policy: .onePerHost)).hasPrefix("e"))
        ledger.release(InstanceID("a"))
        #expect(ledger.placed(request("c", policy: .onePerHost)).hasPrefix("e"))
    }

    @Test func `MAX_N_PER_HOST takes each executor so often`() {
        var ledger = Ledger(.pinned(cores: [8]))
        for instance in ["a", "b", "c"] {
            #expect(ledger.placed(request(instance, policy: .maxPerHost(3))).hasPrefix("e0"))
        }
        #expect(ledger.explain(request("d", policy: .maxPerHost(3))) == [e0: .hostLimit(3)])
    }

    @Test func `nothing is placed on a closed executor, and what it holds stays`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [1]))
        #expect(ledger.placed(request("a", app: "x-1")) == "e1 [0]")
        ledger.setAdmission(e1, .closed(.silent))
        ledger.release(InstanceID("nobody"))
        #expect(ledger.holding(of: InstanceID("a"))?.executor == e1)
        #expect(ledger.explain(request("b")) == [e0: nil, e1: .silent])
        #expect(ledger.totals().totalCores == 4)
        ledger.setAdmission(e1, .open)
        #expect(ledger.explain(request("b")) == [e0: nil, e1: .notEnoughCores])
    }

    @Test func `the refusals are counted, and sum to the number of executors`() {
        var ledger = Ledger(
            .pinned(cores: [4]),
            .pinned(cores: [1]),
            .pinned(cores: [1]),
            .pinned(cores: [4]),
            .pinned(cores: [4], memoryMB: 5),
            .pinned(cores: [4], quantities: ["disk": 9])
        )
        ledger.setAdmission(e0, .closed(.silent))
        let outcome = ledger.place(
            request("a", cores: 2, quantities: ["disk": 10], avoiding: [ExecutorID("e3")]),
            tieBreak: 0
        )
        guard case .refused(let refusal) = outcome else { Issue.record("it was placed"); return }
        #expect(
            refusal.text
                == "0 of 6 executors fit: 2 not enough cores, 1 silent, 1 avoided, 1 not enough memory, 1 not enough disk"
        )
        #expect(refusal.counts.reduce(0) { $0 + $1.executors } == 6)
    }

    @Test func `a request for one executor is for that one alone`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [1]), .pinned(cores: [4]))
        var wanted = request("a")
        wanted.only = e1
        #expect(ledger.placed(wanted) == "e1 [0]")
        wanted.instance = InstanceID("b")
        #expect(ledger.placed(wanted) == "0 of 3 executors fit: 2 not asked, 1 not enough cores")
    }

    @Test func `without an executor the refusal says so`() {
        var ledger = Ledger()
        #expect(ledger.placed(request("a")) == "there is no executor")
    }

    @Test func `named quantities are held and given back`() {
        var ledger = Ledger(.pinned(cores: [8], quantities: ["disk": 10]))
        #expect(ledger.placed(request("a", quantities: ["disk": 6])) == "e0 [0]")
        #expect(ledger.explain(request("b", quantities: ["disk": 5])) == [e0: .notEnough(quantity: "disk")])
        #expect(ledger.explain(request("b", quantities: ["gpu": 1])) == [e0: .notEnough(quantity: "gpu")])
        ledger.release(InstanceID("a"))
        #expect(ledger.placed(request("b", quantities: ["disk": 10])) == "e0 [0]")
    }

    @Test func `an executor takes a thousand instances and no more`() {
        var ledger = Ledger(
            Topology(
                nodes: [.init(id: 0, cores: Array(0..<8), memoryMB: 100_000)],
                sharing: .shared(multiplier: 256)
            )
        )
        for number in 0..<1000 { #expect(ledger.placed(request("i\(number)")).hasPrefix("e0")) }
        #expect(ledger.explain(request("more")) == [e0: .tooManyInstances])
    }

    @Test func `an instance that holds a place keeps it when it is placed again`() {
        var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [4]))
        let first = ledger.placed(request("a"))
        #expect(ledger.placed(request("a"), tieBreak: 99) == first)
        #expect(ledger.totals().usedCores == 1)
    }

    @Test func `equal calls give equal places, and the tie-break decides among equals`() {
        func run(_ seed: UInt64) -> [String] {
            var ledger = Ledger(.pinned(cores: [4]), .pinned(cores: [4]), .pinned(cores: [4]), .pinned(cores: [4]))
            return (0..<4).map { ledger.placed(request("i\($0)", app: "app-\($0)"), tieBreak: seed) }
        }
        let runs = (0..<16).map { run(UInt64($0)) }
        #expect(runs == (0..<16).map { run(UInt64($0)) })
        #expect(Set(runs.map(\.first)).count > 1)
    }
}
