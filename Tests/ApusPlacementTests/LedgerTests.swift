import ApusModel
import ApusPlacement
import Testing

struct LedgerTests {
    let e0 = ExecutorID("e0")
    let app = PlacementGroup("app-1")

    @Test func `slots held twice stay taken until both are gone`() {
        var ledger = Ledger(.pinned(cores: [3]))
        let first = ResourceAllocation(numaNode: 0, cores: [0, 1], memoryMB: 10)
        let second = ResourceAllocation(numaNode: 0, cores: [1, 2], memoryMB: 10)
        #expect(ledger.hold(InstanceID("a"), of: app, first, on: e0) == .held)
        #expect(ledger.hold(InstanceID("b"), of: app, second, on: e0) == .conflict(with: InstanceID("a")))
        ledger.release(InstanceID("a"))
        #expect(ledger.usage(of: e0)?.first?.freeCores == [0])
        #expect(ledger.usage(of: e0)?.first?.usedMemoryMB == 10)
        ledger.release(InstanceID("b"))
        #expect(ledger.totals().freeCores == 3)
        #expect(ledger.totals().usedMemoryMB == 0)
    }

    @Test func `memory over what is offered is a conflict with nobody`() {
        var ledger = Ledger(.pinned(cores: [4], memoryMB: 100))
        let allocation = ResourceAllocation(numaNode: 0, cores: [0], memoryMB: 101)
        #expect(ledger.hold(InstanceID("a"), of: app, allocation, on: e0) == .conflict(with: nil))
        #expect(ledger.explain(request("b", memoryMB: 1)) == [e0: .notEnoughMemory])
        ledger.release(InstanceID("a"))
        #expect(ledger.totals().freeMemoryMB == 100)
    }

    @Test func `what is held before the executor says what it offers counts when it does`() {
        var ledger = Ledger(Topology(nodes: [], sharing: .pinned))
        let allocation = ResourceAllocation(numaNode: 0, cores: [1, 900], memoryMB: 10)
        #expect(ledger.hold(InstanceID("a"), of: app, allocation, on: e0) == .conflict(with: nil))
        ledger.offer(e0, topology: .pinned(cores: [2]), traits: HostTraits(hostname: "h"))
        #expect(ledger.usage(of: e0)?.first?.usedCores == [1])
        #expect(ledger.placed(request("b")) == "e0 [0]")
        ledger.offer(e0, topology: .pinned(cores: [901]), traits: HostTraits(hostname: "h"))
        #expect(ledger.totals().usedCores == 3)
    }

    @Test func `a smaller offer keeps what is held`() {
        var ledger = Ledger(.pinned(cores: [4]))
        #expect(ledger.placed(request("a", cores: 3)) == "e0 [0, 1, 2]")
        ledger.offer(e0, topology: .pinned(cores: [2]), traits: HostTraits(hostname: "h"))
        #expect(ledger.holding(of: InstanceID("a"))?.allocation.cores == [0, 1, 2])
        #expect(ledger.totals().freeCores == 0)
        ledger.release(InstanceID("a"))
        #expect(ledger.totals().freeCores == 2)
    }

    @Test func `a shared executor offers each core several times`() {
        var ledger = Ledger(
            Topology(nodes: [.init(id: 0, cores: [3, 7], memoryMB: 100)], sharing: .shared(multiplier: 3))
        )
        #expect(ledger.totals().freeCores == 6)
        #expect(ledger.placed(request("a", cores: 6)) == "e0 [0, 1, 2, 3, 4, 5]")
    }

    @Test func `a withdrawn executor takes with it what was held there`() {
        var ledger = Ledger(.pinned(cores: [1]))
        #expect(ledger.placed(request("a", policy: .onePerHost)) == "e0 [0]")
        ledger.withdraw(e0)
        #expect(ledger.holding(of: InstanceID("a")) == nil)
        let allocation = ResourceAllocation(numaNode: 0, cores: [0], memoryMB: 10)
        #expect(ledger.hold(InstanceID("b"), of: app, allocation, on: e0) == .unknownExecutor)
        ledger.offer(ExecutorID("e9"), topology: .pinned(cores: [1]), traits: HostTraits(hostname: "h"))
        #expect(ledger.placed(request("c", policy: .onePerHost)) == "e9 [0]")
    }

    @Test func `holding again moves the instance`() {
        var ledger = Ledger(.pinned(cores: [2]), .pinned(cores: [2]))
        let allocation = ResourceAllocation(numaNode: 0, cores: [0], memoryMB: 10)
        #expect(ledger.hold(InstanceID("a"), of: app, allocation, on: e0) == .held)
        #expect(ledger.hold(InstanceID("a"), of: app, allocation, on: e0) == .held)
        #expect(ledger.hold(InstanceID("a"), of: app, allocation, on: ExecutorID("e1")) == .held)
        #expect(ledger.usage(of: e0)?.first?.freeCores == [0, 1])
        #expect(ledger.totals().usedCores == 1)
    }

    @Test func `numbers no machine has end nothing`() {
        var ledger = Ledger(.pinned(cores: [2]))
        let wild = ResourceAllocation(numaNode: 0, cores: [-1, .max, 0], memoryMB: .max)
        for name in ["a", "b"] {
            _ = ledger.hold(InstanceID(name), of: app, wild, quantities: ["disk": .max], on: e0)
        }
        for name in ["a", "b"] { ledger.release(InstanceID(name)) }
        #expect(ledger.placed(request("c", cores: 2)) == "e0 [0, 1]")
        #expect(ledger.totals().usedMemoryMB == 10)
    }
}
