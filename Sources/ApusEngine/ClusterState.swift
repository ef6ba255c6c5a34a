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
        rosters[app].map { $0.ids.count > $0.alive } ?? false
    }

    /// How many of them count towards what is expected; kept, not counted anew.
    package func aliveInstances(of app: AppID) -> Int { rosters[app]?.alive ?? 0 }

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
        /// How many of them are alive.
        var alive = 0

        mutating func enter(_ instance: Instance) {
            ids.insert(instance.id)
            if instance.isAlive { alive += 1 }
        }

        mutating func strike(_ instance: Instance) {
            ids.remove(instance.id)
            if instance.isAlive { alive -= 1 }
        }
    }

    /// Adds a live instance, in place of one of the same id.
    mutating func insert(_ instance: Instance) {
        if let old = instances.updateValue(instance, forKey: instance.id) { strike(old) }
        moves[instance.id] = instance.owner
        if let app = instance.app { rosters[app, default: Roster()].enter(instance) }
    }

    /// Changes a live instance; one that is not there is left so.
    mutating func change(_ id: InstanceID, _ change: (inout Instance) -> Void) {
        guard var instance = instances[id] else { return }
        let (wasAlive, state, isWanted) = (instance.isAlive, instance.state, instance.stop == nil)
        change(&instance)
        instances[id] = instance
        if instance.state != state || (instance.stop == nil) != isWanted { moves[id] = instance.owner }
        guard instance.isAlive != wasAlive, let app = instance.app else { return }
        rosters[app]?.alive += wasAlive ? -1 : 1
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
        rosters[app]?.strike(instance)
        if rosters[app]?.ids.isEmpty == true { rosters[app] = nil }
    }
}
