package import ApusModel
package import HashTreeCollections

/// All that readers see of the cluster: persistent maps, so that a snapshot costs nothing.
package struct ClusterState: Sendable {
    package var cluster: ClusterID
    /// 0 until this controller leads.
    package var epoch: Epoch = 0
    package var facts = ClusterFacts()
    package var applications: TreeDictionary<AppID, Application> = [:]
    /// Changed by `insert`, `change` and `remove` alone, which keep the rosters.
    package private(set) var instances: TreeDictionary<InstanceID, Instance> = [:]
    /// Of each application that has live instances.
    private var rosters: TreeDictionary<AppID, Roster> = [:]
    /// Of the last roster that changed.
    private var stamp = 0
    /// The instances that came, went or changed their state since `takeMoves`; empty in what readers see.
    private var moves: [InstanceID: Owner] = [:]
    package var localServices: TreeDictionary<ServiceID, LocalService> = [:]
    /// Of applications and local services.
    package var ended: TreeDictionary<Owner, EndedHistory> = [:]
    package var tasks: TreeDictionary<TaskID, TaskRun> = [:]
    package var members: TreeDictionary<ExecutorID, Member> = [:]
    /// Containers of this cluster that no application claims; soft.
    package var strays: TreeDictionary<InstanceID, Stray> = [:]

    package init(cluster: ClusterID) { self.cluster = cluster }

    /// The live instances of an application, oldest first; costs a moment for each.
    package func instances(of app: AppID) -> [Instance] {
        let live = rosters[app]?.ids.compactMap { instances[$0] } ?? []
        return live.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }

    /// Whether there is any.
    package func hasInstances(of app: AppID) -> Bool { rosters[app] != nil }

    /// Some are told to stop, or end by themselves.
    package func hasEndingInstances(of app: AppID) -> Bool {
        rosters[app].map { $0.ids.count > $0.tally.alive } ?? false
    }

    /// The same in no order: for those who go through many applications.
    package func unorderedInstances(of app: AppID) -> some Sequence<Instance> {
        (rosters[app]?.ids ?? []).lazy.compactMap { instances[$0] }
    }

    /// Another one whenever one of them came, went or changed where or how it is reached: whoever keeps what they made of
    /// them, beside the epoch, looks whether it still holds; `nil` if there are none.
    package func stamp(of app: AppID) -> Int? { rosters[app]?.stamp }

    /// How many of them count towards what is expected; kept, not counted anew.
    package func aliveInstances(of app: AppID) -> Int { rosters[app]?.tally.alive ?? 0 }

    /// How many are healthy; kept, not counted anew.
    package func healthyInstances(of app: AppID) -> Int { rosters[app]?.tally.healthy ?? 0 }

    /// How many containers of it may run; kept, not counted anew.
    package func runningInstances(of app: AppID) -> Int { rosters[app]?.tally.running ?? 0 }

    /// The ended instances of an application that have not come back, newest first.
    package func endedInstances(of app: AppID) -> [EndedInstance] { endedInstances(of: .application(app)) }

    /// Those of an application or a local service.
    package func endedInstances(of owner: Owner) -> [EndedInstance] {
        (ended[owner]?.entries ?? []).reversed().filter { instances[$0.id] == nil }
    }
}

// MARK: live instances

extension ClusterState {
    /// The live instances of one application.
    private struct Roster: Sendable {
        /// A persistent set: in a snapshot's array each change would touch every id.
        var ids: TreeSet<InstanceID> = []
        var tally = Tally()
        var stamp = 0

        mutating func enter(_ instance: Instance, stamp: Int) {
            ids.insert(instance.id)
            tally.add(Tally(instance), times: 1)
            self.stamp = stamp
        }

        mutating func count(_ instance: Instance, insteadOf old: Instance, stamp: Int) {
            tally.add(Tally(old), times: -1)
            tally.add(Tally(instance), times: 1)
            self.stamp = stamp
        }

        mutating func strike(_ instance: Instance, stamp: Int) {
            ids.remove(instance.id)
            tally.add(Tally(instance), times: -1)
            self.stamp = stamp
        }
    }

    /// How many of an application's instances are what readers count.
    private struct Tally: Equatable {
        var alive = 0
        var healthy = 0
        var running = 0

        init() {}

        /// What one instance adds.
        init(_ instance: Instance) {
            alive = instance.isAlive ? 1 : 0
            healthy = instance.isHealthy ? 1 : 0
            running = instance.isRunning ? 1 : 0
        }

        mutating func add(_ other: Tally, times: Int) {
            alive += other.alive * times
            healthy += other.healthy * times
            running += other.running * times
        }
    }

    /// Adds a live instance, in place of one of the same id.
    mutating func insert(_ instance: Instance) {
        if let old = instances.updateValue(instance, forKey: instance.id) { strike(old) }
        moves[instance.id] = instance.owner
        guard let app = instance.app else { return }
        stamp += 1
        rosters[app, default: Roster()].enter(instance, stamp: stamp)
    }

    /// Changes a live instance; one that is not there is left so.
    mutating func change(_ id: InstanceID, _ change: (inout Instance) -> Void) {
        guard var instance = instances[id] else { return }
        let old = instance
        change(&instance)
        instances[id] = instance
        let hasMoved = instance.state != old.state || (instance.stop == nil) != (old.stop == nil)
        if hasMoved { moves[id] = instance.owner }
        guard hasMoved || instance.ports != old.ports else { return }
        restamp(instance, insteadOf: old)
    }

    /// The address of its executor is another one.
    mutating func readdress(_ id: InstanceID) {
        guard let instance = instances[id] else { return }
        restamp(instance, insteadOf: instance)
    }

    private mutating func restamp(_ instance: Instance, insteadOf old: Instance) {
        guard let app = instance.app else { return }
        stamp += 1
        rosters[app]?.count(instance, insteadOf: old, stamp: stamp)
    }

    mutating func remove(_ id: InstanceID) {
        guard let instance = instances.removeValue(forKey: id) else { return }
        moves[id] = instance.owner
        strike(instance)
    }

    /// Those that moved since the last call, and whose they are.
    mutating func takeMoves() -> [InstanceID: Owner] {
        defer { moves = [:] }
        return moves
    }

    private mutating func strike(_ instance: Instance) {
        guard let app = instance.app else { return }
        stamp += 1
        rosters[app]?.strike(instance, stamp: stamp)
        if rosters[app]?.ids.isEmpty == true { rosters[app] = nil }
    }
}
