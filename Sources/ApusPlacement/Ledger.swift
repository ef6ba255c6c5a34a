package import ApusModel

/// The cluster's resources: who offers what, who holds what.
///
/// Exact: a bitmap of core slots and a memory ledger per NUMA node, named quantities per executor. What is held stays
/// held until it is released, whatever the executor offers meanwhile.
package struct Ledger: Sendable {
    /// An executor takes no more instances than this.
    package static let mostInstancesPerExecutor = 1000

    /// By ordinal; `nil` where an executor was withdrawn, until the next new one takes the place.
    private(set) var shelves: [Shelf?] = []
    private var ordinals: [ExecutorID: Int] = [:]
    private var homes: [InstanceID: Int] = [:]
    /// Instances of one version by the ordinal of the executor.
    private(set) var versionCounts: [AppID: [Int: Int]] = [:]
    /// Instances of one name, all versions, by the ordinal of the executor.
    private(set) var nameCounts: [String: [Int: Int]] = [:]

    package init() {}

    /// Takes up a new executor, open for work, or what a known one offers now.
    ///
    /// What is held survives a change, even what no longer fits.
    package mutating func offer(_ executor: ExecutorID, topology: Topology, traits: HostTraits) {
        let ordinal = ordinals[executor] ?? addShelf(for: executor, traits: traits)
        shelves[ordinal]?.offer(topology, traits: traits)
    }

    private mutating func addShelf(for executor: ExecutorID, traits: HostTraits) -> Int {
        let ordinal = shelves.firstIndex { $0 == nil } ?? shelves.count
        if ordinal == shelves.count { shelves.append(nil) }
        shelves[ordinal] = Shelf(id: executor, traits: traits)
        ordinals[executor] = ordinal
        return ordinal
    }

    /// Forgets the executor and what was held on it.
    package mutating func withdraw(_ executor: ExecutorID) {
        guard let ordinal = ordinals.removeValue(forKey: executor), let shelf = shelves[ordinal] else { return }
        for instance in shelf.holdings.keys { release(instance) }
        shelves[ordinal] = nil
    }

    /// Opens or closes an executor for new work; an unknown one is left unknown.
    package mutating func setAdmission(_ executor: ExecutorID, _ admission: Admission) {
        guard let ordinal = ordinals[executor] else { return }
        shelves[ordinal]?.admission = admission
    }

    /// Records what an instance holds, in place of what it held before.
    ///
    /// A conflict is recorded too, so that nothing is placed there until all who hold it are gone.
    package mutating func hold(
        _ instance: InstanceID,
        of group: PlacementGroup,
        _ allocation: ResourceAllocation,
        quantities: [String: Int64] = [:],
        on executor: ExecutorID
    ) -> HoldOutcome {
        guard let ordinal = ordinals[executor] else { return .unknownExecutor }
        release(instance)
        let holding = Shelf.Holding(group: group, allocation: allocation, quantities: quantities)
        let outcome = shelves[ordinal]?.hold(instance, holding) ?? .unknownExecutor
        homes[instance] = ordinal
        versionCounts[group.version, default: [:]][ordinal, default: 0] += 1
        nameCounts[group.name, default: [:]][ordinal, default: 0] += 1
        return outcome
    }

    /// Gives back what the instance holds, if anything.
    package mutating func release(_ instance: InstanceID) {
        guard let ordinal = homes.removeValue(forKey: instance),
            let holding = shelves[ordinal]?.release(instance)
        else { return }
        Self.count(out: ordinal, of: &versionCounts[holding.group.version])
        Self.count(out: ordinal, of: &nameCounts[holding.group.name])
    }

    private static func count(out ordinal: Int, of counts: inout [Int: Int]?) {
        let left = (counts?[ordinal] ?? 0) - 1
        counts?[ordinal] = left > 0 ? left : nil
        if counts?.isEmpty == true { counts = nil }
    }

    /// Where the instance is and what it holds there.
    package func holding(of instance: InstanceID) -> (executor: ExecutorID, allocation: ResourceAllocation)? {
        guard let ordinal = homes[instance], let shelf = shelves[ordinal], let holding = shelf.holdings[instance]
        else { return nil }
        return (shelf.id, holding.allocation)
    }

    func shelf(of executor: ExecutorID) -> Shelf? { ordinals[executor].flatMap { shelves[$0] } }
}
