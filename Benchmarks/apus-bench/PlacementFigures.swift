import ApusModel
import ApusPlacement
import Foundation

/// What placing costs, on a ledger of machines all alike: 56 cores and 256 GB on two NUMA nodes, 1 TB, five zones.
struct PlacementFigures {
    var executors: Int
    var sharing = Topology.Sharing.pinned

    /// The time that the processor spent, whatever else the machine does, and what a clock on the wall showed.
    struct Spent {
        var processor: Double
        var wall: Double
    }

    func ledger() -> Ledger {
        let nodes = [0, 1].map { Topology.Node(id: $0, cores: Array($0 * 28..<$0 * 28 + 28), memoryMB: 128 << 10) }
        let topology = Topology(nodes: nodes, sharing: sharing, quantities: ["disk": 1_000_000])
        var ledger = Ledger()
        for number in 0..<executors {
            let traits = HostTraits(hostname: "host-\(number)", zone: "zone-\(number % 5)")
            ledger.offer(ExecutorID("executor-\(number)"), topology: topology, traits: traits)
        }
        return ledger
    }

    /// What is placed: so many instances of each application, one application after the other or in turns.
    struct Work {
        var applications: Int
        var instances: Int
        var memoryMB: Int64
        var policy = PlacementPolicy.any
        var inTurns: Bool

        var count: Int { applications * instances }

        /// An instance of each application, of one core.
        fileprivate var requests: [PlacementRequest] {
            (0..<applications).map { number in
                PlacementRequest(
                    instance: InstanceID(""),
                    group: PlacementGroup(version: AppID("app\(number)-1"), name: "app\(number)"),
                    cores: 1,
                    memoryMB: memoryMB,
                    quantities: ["disk": 1000],
                    policy: policy
                )
            }
        }
    }

    /// Places all of it on an empty cluster.
    func place(_ work: Work) throws -> Spent {
        var (ledger, requests, random) = (ledger(), work.requests, SplitMix64(seed: 2))
        let instances = (0..<work.count).map { _ in InstanceID("AI-\(random.uuid())") }
        let (clock, begin, beginOfWork) = (ContinuousClock(), ContinuousClock.now, Self.processorTime)
        for (number, instance) in instances.enumerated() {
            let application = work.inTurns ? number % work.applications : number / work.instances
            requests[application].instance = instance
            if case .refused(let refusal) = ledger.place(requests[application], tieBreak: random.next()) {
                throw PlacementFault(description: "an instance was refused: \(refusal.text)")
            }
        }
        let wall = clock.now - begin
        return Spent(
            processor: Self.processorTime - beginOfWork,
            wall: Double(wall.components.seconds) + Double(wall.components.attoseconds) / 1e18
        )
    }

    private static var processorTime: Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}

struct PlacementFault: Error, CustomStringConvertible {
    var description: String
}

/// How full a cluster gets with instances of 1, 2, 4, 8 and 16 cores in random order, as many of each.
struct Packing {
    static let shapes = [1, 2, 4, 8, 16]
    static let fills = [0.75, 0.9]

    /// The largest shape that still fits, at each of the fills.
    var largest: [Int] = []
    /// The part of all cores that is free when an instance is refused first.
    var stranded: Double?

    private mutating func note(free: Int, of total: Int, largest hole: Int, isRefused: Bool) {
        if isRefused { stranded = stranded ?? Double(free) / Double(total) }
        if largest.count < Self.fills.count, Double(total - free) >= Self.fills[largest.count] * Double(total) {
            largest.append(hole)
        }
    }

    private var isDone: Bool { largest.count == Self.fills.count && stranded != nil }

    /// With the ledger's best fit; each application has ten instances.
    static func bestFit(_ cluster: PlacementFigures) -> Packing {
        var (packing, ledger, random) = (Packing(), cluster.ledger(), SplitMix64(seed: 3))
        var number = 0
        var free = cluster.executors * 56
        while !packing.isDone {
            let cores = shapes[Int.random(in: 0..<shapes.count, using: &random)]
            let request = PlacementRequest(
                instance: InstanceID("\(number)"),
                group: PlacementGroup(version: AppID("app\(number / 10)-1"), name: "app\(number / 10)"),
                cores: cores,
                memoryMB: Int64(cores) << 12
            )
            let outcome = ledger.place(request, tieBreak: random.next())
            var isRefused = true
            if case .placed = outcome {
                free -= cores
                isRefused = false
            }
            let hole = ledger.totals().mostFreeCoresOnOneNode
            packing.note(free: free, of: cluster.executors * 56, largest: hole, isRefused: isRefused)
            number += 1
        }
        return packing
    }

    /// With the first node that fits, executors in random order.
    static func firstFit(_ cluster: PlacementFigures) -> Packing {
        var (packing, random) = (Packing(), SplitMix64(seed: 3))
        var nodes = [[Int]](repeating: [28, 28], count: cluster.executors)
        var free = cluster.executors * 56
        while !packing.isDone {
            let cores = shapes[Int.random(in: 0..<shapes.count, using: &random)]
            var isRefused = true
            for executor in nodes.indices.shuffled(using: &random) {
                guard let node = nodes[executor].firstIndex(where: { $0 >= cores }) else { continue }
                nodes[executor][node] -= cores
                free -= cores
                isRefused = false
                break
            }
            let hole = nodes.reduce(0) { max($0, $1.max() ?? 0) }
            packing.note(free: free, of: cluster.executors * 56, largest: hole, isRefused: isRefused)
        }
        return packing
    }
}
