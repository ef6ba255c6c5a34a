package import ApusModel

/// The resources of the executors that take new work.
package struct Totals: Hashable, Sendable {
    package var executors = 0
    package var freeCores = 0
    package var usedCores = 0
    package var freeMemoryMB: Int64 = 0
    package var usedMemoryMB: Int64 = 0
    /// The most free cores of one NUMA node: no single instance can have more.
    package var mostFreeCoresOnOneNode = 0

    package init() {}

    package var totalCores: Int { freeCores + usedCores }
    /// More than is offered when more is held than is offered.
    package var totalMemoryMB: Int64 { freeMemoryMB &+ usedMemoryMB }
}

/// What is free and what is held of one NUMA node.
package struct NodeUsage: Hashable, Sendable {
    package var id: Int
    /// Slots, ascending.
    package var freeCores: [Int]
    /// Slots that are offered and held, ascending.
    package var usedCores: [Int]
    package var freeMemoryMB: Int64
    package var usedMemoryMB: Int64
}

/// What is free and what is held of one executor.
package struct Usage: Hashable, Sendable {
    package var freeCores = 0
    package var usedCores = 0
    package var freeMemoryMB: Int64 = 0
    package var usedMemoryMB: Int64 = 0

    package init() {}
}

extension Ledger {
    /// What is free and held on an executor, open or not, in sum.
    package func sums(of executor: ExecutorID) -> Usage {
        var usage = Usage()
        for node in shelf(of: executor)?.nodes ?? [] {
            usage.freeCores += node.free.count
            usage.usedCores += node.offered.count - node.free.count
            usage.freeMemoryMB &+= max(0, node.freeMB)
            usage.usedMemoryMB &+= node.heldMB
        }
        return usage
    }

    /// Sums over the executors that are open, of those that the policy's tags permit.
    package func totals(permittedBy policy: PlacementPolicy? = nil) -> Totals {
        var totals = Totals()
        for shelf in shelves where shelf.isOpen && policy?.permitsTags(of: shelf.traits) != false {
            totals.executors += 1
            for node in shelf.nodes {
                totals.freeCores += node.free.count
                totals.usedCores += node.offered.count - node.free.count
                totals.freeMemoryMB &+= max(0, node.freeMB)
                totals.usedMemoryMB &+= node.heldMB
                totals.mostFreeCoresOnOneNode = max(totals.mostFreeCoresOnOneNode, node.free.count)
            }
        }
        return totals
    }

    /// The named amounts that are free on an executor: negative where more is held than is offered.
    package func freeQuantities(of executor: ExecutorID) -> [String: Int64] {
        shelf(of: executor)?.freeQuantities ?? [:]
    }

    /// What is free and held on an executor, open or not, by NUMA node; `nil` if it is unknown.
    package func usage(of executor: ExecutorID) -> [NodeUsage]? {
        shelf(of: executor)?.nodes.map { node in
            NodeUsage(
                id: node.id,
                freeCores: node.free.all,
                usedCores: node.offered.all.filter { !node.free.contains($0) },
                freeMemoryMB: max(0, node.freeMB),
                usedMemoryMB: node.heldMB
            )
        }
    }
}
