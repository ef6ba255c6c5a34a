import ApusModel
import ApusPlacement
import Testing

/// What is held, kept naively: a list.
private struct NaiveModel {
    struct Holder {
        var executor: ExecutorID
        var group: PlacementGroup
        var allocation: ResourceAllocation
    }
    var offers: [ExecutorID: Topology] = [:]
    var holders: [InstanceID: Holder] = [:]

    func freeCores(of executor: ExecutorID, node: Topology.Node) -> [Int] {
        let held = holders.values.filter { $0.executor == executor && $0.allocation.numaNode == node.id }
        return node.cores.filter { core in !held.contains { $0.allocation.cores.contains(core) } }
    }

    func heldMB(of executor: ExecutorID, node: Topology.Node) -> Int64 {
        holders.values.filter { $0.executor == executor && $0.allocation.numaNode == node.id }
            .reduce(0) { $0 + $1.allocation.memoryMB }
    }

    func fits(_ request: PlacementRequest, on executor: ExecutorID) -> Bool {
        let count = holders.values.count { $0.executor == executor && $0.group == request.group }
        switch request.policy {
        case .onePerHost where count >= 1: return false
        case .maxPerHost(let limit) where count >= limit: return false
        default: break
        }
        return offers[executor]?.nodes.contains { node in
            freeCores(of: executor, node: node).count >= request.cores
                && node.memoryMB - heldMB(of: executor, node: node) >= request.memoryMB
        } ?? false
    }
}

struct ExactnessTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `random holds, releases and offers agree with a naive model`(seed: UInt64) {
        var draw = SplitMix64(seed: seed)
        var ledger = Ledger()
        var model = NaiveModel()
        for step in 0..<400 {
            let executor = ExecutorID("e\(Int.random(in: 0..<4, using: &draw))")
            switch Int.random(in: 0..<20, using: &draw) {
            case 0..<2:
                let cores = [Int.random(in: 0...6, using: &draw), Int.random(in: 60...70, using: &draw)]
                let topology = Topology.pinned(cores: cores, memoryMB: 300)
                ledger.offer(executor, topology: topology, traits: HostTraits(hostname: "h"))
                model.offers[executor] = topology
            case 2..<11: place(step, &ledger, &model, &draw)
            case 11..<13: hold(step, on: executor, &ledger, &model, &draw)
            case 13: withdraw(executor, &ledger, &model, &draw)
            default:
                guard let id = model.holders.keys.sorted().randomElement(using: &draw) else { continue }
                ledger.release(id)
                model.holders[id] = nil
            }
            compare(ledger, model, "seed \(seed), step \(step)")
        }
    }

    private func place(_ step: Int, _ ledger: inout Ledger, _ model: inout NaiveModel, _ draw: inout SplitMix64) {
        let policies: [PlacementPolicy] = [.any, .onePerHost, .maxPerHost(2)]
        let wanted = request(
            "p\(step)",
            app: "app-\(Int.random(in: 0..<5, using: &draw))",
            cores: Int.random(in: 1...9, using: &draw),
            memoryMB: Int64.random(in: 1...80, using: &draw),
            policy: policies.randomElement(using: &draw) ?? .any
        )
        let fitting = Set(model.offers.keys.filter { model.fits(wanted, on: $0) })
        #expect(Set(ledger.explain(wanted).filter { $0.value == nil }.keys) == fitting)
        switch ledger.place(wanted, tieBreak: draw.next()) {
        case .refused(let refusal):
            #expect(fitting.isEmpty)
            #expect(refusal.counts.reduce(0) { $0 + $1.executors } == model.offers.count)
        case .placed(let executor, let allocation):
            #expect(fitting.contains(executor))
            let node = model.offers[executor]?.nodes.first { $0.id == allocation.numaNode }
            let free = node.map { model.freeCores(of: executor, node: $0) } ?? []
            #expect(allocation.cores == Array(free.prefix(wanted.cores)), "never double-booked, lowest first")
            model.holders[wanted.instance] = .init(executor: executor, group: wanted.group, allocation: allocation)
        }
    }

    /// As an executor's report does: whatever it holds, overlaps included.
    private func hold(
        _ step: Int,
        on executor: ExecutorID,
        _ ledger: inout Ledger,
        _ model: inout NaiveModel,
        _ draw: inout SplitMix64
    ) {
        let first = Int.random(in: 0..<70, using: &draw)
        let allocation = ResourceAllocation(
            numaNode: Int.random(in: 0...1, using: &draw),
            cores: Array(first...first + 2),
            memoryMB: 20
        )
        let id = InstanceID("h\(step)")
        let outcome = ledger.hold(id, of: PlacementGroup("app-0"), allocation, on: executor)
        guard let offer = model.offers[executor] else {
            #expect(outcome == .unknownExecutor)
            return
        }
        let node = offer.nodes.first { $0.id == allocation.numaNode }
        let free = node.map { model.freeCores(of: executor, node: $0) } ?? []
        model.holders[id] = .init(executor: executor, group: PlacementGroup("app-0"), allocation: allocation)
        let memoryFits = node.map { $0.memoryMB >= model.heldMB(of: executor, node: $0) } ?? false
        #expect((outcome == .held) == (memoryFits && allocation.cores.allSatisfy(free.contains)))
    }

    private func withdraw(
        _ executor: ExecutorID,
        _ ledger: inout Ledger,
        _ model: inout NaiveModel,
        _ draw: inout SplitMix64
    ) {
        guard Int.random(in: 0..<3, using: &draw) == 0 else { return }
        ledger.withdraw(executor)
        model.offers[executor] = nil
        model.holders = model.holders.filter { $0.value.executor != executor }
    }

    private func compare(_ ledger: Ledger, _ model: NaiveModel, _ place: String) {
        for (executor, offer) in model.offers {
            let usage = ledger.usage(of: executor) ?? []
            #expect(usage.map(\.freeCores) == offer.nodes.map { model.freeCores(of: executor, node: $0) }, "\(place)")
            #expect(usage.map(\.usedMemoryMB) == offer.nodes.map { model.heldMB(of: executor, node: $0) }, "\(place)")
        }
    }
}
