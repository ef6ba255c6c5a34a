import ApusModel
import HeapModule

/// Who waits for something that may come, and for what.
struct Waiting: Sendable {
    /// Those who want alike find room alike: if the first finds none, neither does the next.
    enum Want: Hashable, Sendable {
        case application(AppID)
        /// Without a policy nothing depends on the environment.
        case tasks(
            of: AppID,
            ResourceRequirements,
            PlacementPolicy?,
            environment: [String: String],
            avoiding: Set<ExecutorID>
        )
    }

    /// The first of those who want alike, who tries for all of them.
    struct Trial {
        var want: Want
        var owner: Owner
    }

    private var forRoom: [Want: Heap<Owner>] = [:]
    private var listed: Set<Owner> = []
    /// Room may have appeared since they were looked at.
    private var mayHaveRoom = false
    /// May not stop what they want to: some member has not recorded this epoch.
    private var toStop: Set<Owner> = []
    /// Not acted for on hearsay, by one of the members that have to speak first.
    private var forMember: [ExecutorID: Set<Owner>] = [:]

    var hasWork: Bool { mayHaveRoom && !listed.isEmpty }

    // MARK: for room

    mutating func waitForRoom(_ owner: Owner, _ want: Want) {
        guard listed.insert(owner).inserted else { return }
        forRoom[want, default: []].insert(owner)
    }

    func waitsForRoom(_ owner: Owner) -> Bool { listed.contains(owner) }

    mutating func roomMayHaveAppeared() { mayHaveRoom = true }

    /// One of each kind, in their order, if room may have appeared.
    mutating func takeTrials() -> [Trial] {
        guard mayHaveRoom else { return [] }
        mayHaveRoom = false
        let firsts = forRoom.compactMap { want, owners in owners.min.map { Trial(want: want, owner: $0) } }
        return firsts.sorted { $0.owner < $1.owner }.compactMap { next(for: $0.want) }
    }

    /// The first of those who still want the same.
    mutating func next(for want: Want) -> Trial? {
        guard let owner = forRoom[want]?.popMin() else { return nil }
        if forRoom[want]?.isEmpty == true { forRoom[want] = nil }
        listed.remove(owner)
        return Trial(want: want, owner: owner)
    }

    // MARK: for leave to stop

    mutating func waitToStop(_ owner: Owner) { toStop.insert(owner) }

    /// All who may want to stop something, those who wait for a member among them.
    mutating func takeToStop() -> Set<Owner> {
        defer { (toStop, forMember) = ([], [:]) }
        return forMember.values.reduce(into: toStop) { $0.formUnion($1) }
    }

    // MARK: for a member to speak

    mutating func wait(_ owner: Owner, for member: ExecutorID) { forMember[member, default: []].insert(owner) }

    mutating func take(for member: ExecutorID) -> Set<Owner> { forMember.removeValue(forKey: member) ?? [] }
}

extension Engine {
    /// Room may have appeared.
    mutating func wakeWaiting() { waiting.roomMayHaveAppeared() }

    /// One found room, or wanted none any more: so may the next, until one is refused.
    mutating func goOn(after trial: Waiting.Trial, budget: inout Int, at times: Times) {
        var last = trial
        while !waiting.waitsForRoom(last.owner) {
            guard budget > 0 else {
                waiting.roomMayHaveAppeared()
                return
            }
            guard let next = waiting.next(for: trial.want) else { return }
            dirty.remove(next.owner)
            reconcile(next.owner, budget: &budget, at: times)
            last = next
        }
    }
}
