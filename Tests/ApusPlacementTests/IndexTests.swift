import ApusModel
import ApusPlacement
import Testing

/// Who offers and who holds what, kept naively; places are scored by looking at every one.
private struct Reference {
    struct Host {
        var topology: Topology
        var traits: HostTraits
        var admission = Admission.open
        var held: [InstanceID: Held] = [:]

        func freeCores(_ node: Topology.Node) -> Int {
            let taken = Set(held.values.filter { $0.allocation.numaNode == node.id }.flatMap(\.allocation.cores))
            return node.cores.count { !taken.contains($0) }
        }

        func freeMB(_ node: Topology.Node) -> Int64 {
            held.values.filter { $0.allocation.numaNode == node.id }.reduce(node.memoryMB) {
                $0 - $1.allocation.memoryMB
            }
        }

        func free(_ name: String) -> Int64 {
            held.values.reduce(topology.quantities[name] ?? 0) { $0 - ($1.quantities[name] ?? 0) }
        }
    }
    struct Held {
        var group: PlacementGroup
        var allocation: ResourceAllocation
        var quantities: [String: Int64]
    }
    var hosts: [ExecutorID: Host] = [:]

    mutating func release(_ instance: InstanceID) {
        for executor in hosts.keys { hosts[executor]?.held[instance] = nil }
    }

    /// The executors that take the request, each with what makes it better or worse: the least is best.
    func scores(of request: PlacementRequest, _ defaultSpread: SpreadPolicy?) -> [ExecutorID: [Int]] {
        var spreads = request.policy.spreadsAsked
        if spreads.isEmpty, let defaultSpread, !request.policy.isLocal { spreads = [defaultSpread] }
        var scores: [ExecutorID: [Int]] = [:]
        for (executor, host) in hosts where host.admission == .open && !request.avoiding.contains(executor) {
            let count = host.held.values.count { $0.group.version == request.group.version }
            guard accepts(request.policy, host, count), host.held.count < 1000,
                request.quantities.allSatisfy({ $0.value <= host.free($0.key) })
            else { continue }
            let skews = spreads.map { skew(of: executor, $0, request) }
            guard !skews.contains(nil) else { continue }
            let fits = host.topology.nodes.filter {
                host.freeCores($0) >= request.cores && host.freeMB($0) >= request.memoryMB
            }.map { [host.freeCores($0), toAnEighth(host.freeMB($0))] }
            if let best = fits.min(by: { $0.lexicographicallyPrecedes($1) }) {
                scores[executor] = skews.compactMap(\.self) + [count] + best
            }
        }
        return scores
    }

    /// `nil` if a hard spread forbids it; a soft one puts those without a place last.
    private func skew(of executor: ExecutorID, _ spread: SpreadPolicy, _ request: PlacementRequest) -> Int? {
        var counts: [String: Int] = [:]
        for (executor, host) in hosts {
            guard let place = place(of: executor, host, spread.axis) else { continue }
            let counted = host.held.values.count {
                spread.scope == .name ? $0.group.name == request.group.name : $0.group.version == request.group.version
            }
            counts[place, default: 0] += counted
        }
        let open = hosts.filter { $0.value.admission == .open && accepts(request.policy, $0.value, 0) }
        let least = open.compactMap { place(of: $0.key, $0.value, spread.axis) }.map { counts[$0] ?? 0 }.min() ?? 0
        guard let host = hosts[executor], let place = place(of: executor, host, spread.axis) else {
            return spread.enforcement == .hard ? nil : Int.max
        }
        let count = counts[place] ?? 0
        return spread.enforcement == .hard && count + 1 - least > spread.maxSkew ? nil : count
    }

    private func place(of executor: ExecutorID, _ host: Host, _ axis: SpreadPolicy.Axis) -> String? {
        switch axis {
        case .zone: host.traits.zone
        case .host: executor.rawValue
        case .metadata(let key): host.traits.metadata[key]
        }
    }

    private func accepts(_ policy: PlacementPolicy, _ host: Host, _ count: Int) -> Bool {
        func isAccepted(by policy: PlacementPolicy) -> Bool {
            switch policy {
            case .any, .local, .spread: true
            case .onePerHost: count == 0
            case .maxPerHost(let limit): count < limit
            case .matchTag(let tag): host.traits.tags.contains(tag)
            case .noTag: host.traits.tags.isEmpty
            case .ruleBased: false
            case .composite(let parts, .and): parts.allSatisfy(isAccepted)
            case .composite(let parts, .or): parts.contains(where: isAccepted)
            }
        }
        return isAccepted(by: policy) && (policy.mentionsTag || policy.isLocal || host.traits.tags.isEmpty)
    }

    private func toAnEighth(_ amount: Int64) -> Int {
        var unit: Int64 = 1
        while amount / unit >= 16 { unit *= 2 }
        return Int(amount / unit * unit)
    }
}

extension PlacementPolicy {
    fileprivate var parts: [PlacementPolicy] {
        if case .composite(let parts, _) = self { parts } else { [] }
    }
    fileprivate var isLocal: Bool {
        if case .local = self { true } else { parts.contains(where: \.isLocal) }
    }
    fileprivate var mentionsTag: Bool {
        if case .matchTag = self { true } else { parts.contains(where: \.mentionsTag) }
    }
    fileprivate var spreadsAsked: [SpreadPolicy] {
        if case .spread(let spread) = self { [spread] } else { parts.flatMap(\.spreadsAsked) }
    }
}

/// The index finds what looking at every executor would.
struct IndexTests {
    private static let policies: [PlacementPolicy] = {
        let zone = PlacementPolicy.spread(SpreadPolicy(.zone))
        let rack = PlacementPolicy.spread(SpreadPolicy(.metadata(key: "rack"), maxSkew: 2, scope: .version))
        let softHost = PlacementPolicy.spread(SpreadPolicy(.host, enforcement: .soft))
        return [
            .any, .any, .onePerHost, .maxPerHost(2), .matchTag("ssd"), .local(hostLevel: false), zone, rack, softHost,
            .spread(SpreadPolicy(.zone, enforcement: .soft)), .spread(SpreadPolicy(.host, maxSkew: 2)),
            .composite(policies: [.maxPerHost(3), zone], combiner: .and),
            .composite(policies: [rack, softHost, .noTag], combiner: .and),
            .composite(policies: [.matchTag("ssd"), .onePerHost], combiner: .or),
        ]
    }()

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `random changes and requests are answered as by looking at every executor`(seed: UInt64) {
        var draw = SplitMix64(seed: seed)
        var (ledger, reference) = (Ledger(), Reference())
        let count = seed % 2 == 0 ? 6 : 70
        if seed % 3 == 0 { ledger.defaultSpread = SpreadPolicy(.zone, enforcement: .soft) }
        for step in 0..<600 {
            let executor = ExecutorID("e\(Int.random(in: 0..<count, using: &draw))")
            switch Int.random(in: 0..<40, using: &draw) {
            case 0..<(step < 100 ? 20 : 3): offer(executor, &ledger, &reference, &draw)
            case 20: withdraw(executor, &ledger, &reference)
            case 21..<23:
                let admission: Admission = Bool.random(using: &draw) ? .open : .closed(.silent)
                ledger.setAdmission(executor, admission)
                reference.hosts[executor]?.admission = admission
            case 23: hold(step, on: executor, &ledger, &reference, &draw)
            case 24..<30:
                let all = reference.hosts.values.flatMap(\.held.keys).sorted()
                guard let id = all.randomElement(using: &draw) else { continue }
                ledger.release(id)
                reference.release(id)
            default: place(step, &ledger, &reference, &draw, "seed \(seed), step \(step)")
            }
        }
    }

    private func offer(
        _ executor: ExecutorID,
        _ ledger: inout Ledger,
        _ reference: inout Reference,
        _ draw: inout SplitMix64
    ) {
        let topology = Topology.pinned(
            cores: [Int.random(in: 0...20, using: &draw), 8],
            memoryMB: [250, 300, 2000].randomElement(using: &draw) ?? 0,
            quantities: ["disk": 100]
        )
        var metadata: [String: String] = [:]
        if let rack = ["r1", "r2", nil].randomElement(using: &draw) ?? nil { metadata["rack"] = rack }
        let traits = HostTraits(
            hostname: "h",
            tags: Int.random(in: 0..<4, using: &draw) == 0 ? ["ssd"] : [],
            zone: ["a", "b", "c", nil].randomElement(using: &draw) ?? nil,
            metadata: metadata
        )
        ledger.offer(executor, topology: topology, traits: traits)
        reference.hosts[executor, default: .init(topology: topology, traits: traits)].topology = topology
        reference.hosts[executor]?.traits = traits
    }

    private func withdraw(_ executor: ExecutorID, _ ledger: inout Ledger, _ reference: inout Reference) {
        ledger.withdraw(executor)
        reference.hosts[executor] = nil
    }

    private func hold(
        _ step: Int,
        on executor: ExecutorID,
        _ ledger: inout Ledger,
        _ reference: inout Reference,
        _ draw: inout SplitMix64
    ) {
        let cores = Array(0..<Int.random(in: 1...3, using: &draw))
        let allocation = ResourceAllocation(numaNode: 0, cores: cores, memoryMB: 20)
        let (id, group) = (InstanceID("h\(step)"), PlacementGroup("app0-1"))
        guard ledger.hold(id, of: group, allocation, on: executor) != .unknownExecutor else { return }
        reference.hosts[executor]?.held[id] = .init(group: group, allocation: allocation, quantities: [:])
    }

    private func place(
        _ step: Int,
        _ ledger: inout Ledger,
        _ reference: inout Reference,
        _ draw: inout SplitMix64,
        _ place: String
    ) {
        var wanted = request(
            "p\(step)",
            app: "app\(Int.random(in: 0..<2, using: &draw))-\(Int.random(in: 0..<2, using: &draw))",
            cores: Int.random(in: 1...6, using: &draw),
            memoryMB: Int64.random(in: 1...80, using: &draw),
            quantities: Bool.random(using: &draw) ? ["disk": Int64.random(in: 1...40, using: &draw)] : [:],
            policy: Self.policies.randomElement(using: &draw) ?? .any
        )
        if Int.random(in: 0..<8, using: &draw) == 0 { wanted.avoiding = [ExecutorID("e0"), ExecutorID("e1")] }
        if Int.random(in: 0..<8, using: &draw) == 0 { wanted.loadWeights = LoadWeights() }
        let scores = reference.scores(of: wanted, ledger.defaultSpread)
        #expect(Set(ledger.explain(wanted).filter { $0.value == nil }.keys) == Set(scores.keys), "\(place)")
        let known = ledger.refusal(of: wanted)
        switch ledger.place(wanted, tieBreak: draw.next()) {
        case .refused(let refusal):
            #expect(scores.isEmpty, "\(place)")
            #expect(refusal == known, "\(place)")
            #expect(refusal.counts.reduce(0) { $0 + $1.executors } == reference.hosts.count)
        case .placed(let executor, let allocation):
            let best = scores.values.min { $0.lexicographicallyPrecedes($1) }
            #expect(scores[executor] != nil, "\(place)")
            if wanted.loadWeights == nil { #expect(scores[executor] == best, "\(place): \(wanted.policy)") }
            reference.hosts[executor]?.held[wanted.instance] = .init(
                group: wanted.group,
                allocation: allocation,
                quantities: wanted.quantities
            )
        }
    }

    @Test func `an executor that says the same again changes nothing`() {
        var ledger = Ledger(.pinned(cores: [4]))
        #expect(ledger.placed(request("a", cores: 3)) == "e0 [0, 1, 2]")
        ledger.offer(ExecutorID("e0"), topology: .pinned(cores: [4]), traits: HostTraits(hostname: "host-0"))
        #expect(ledger.placed(request("b")) == "e0 [3]")
    }

    @Test func `a refusal is told anew once something has changed`() {
        var ledger = Ledger(.pinned(cores: [2]))
        #expect(ledger.placed(request("a", cores: 2)) == "e0 [0, 1]")
        for name in ["b", "c"] {
            #expect(ledger.placed(request(name)) == "0 of 1 executors fit: 1 not enough cores")
        }
        ledger.setAdmission(ExecutorID("e0"), .closed(.silent))
        #expect(ledger.placed(request("b")) == "0 of 1 executors fit: 1 silent")
        ledger.setAdmission(ExecutorID("e0"), .open)
        ledger.release(InstanceID("a"))
        #expect(ledger.placed(request("b")) == "e0 [0]")
    }
}
