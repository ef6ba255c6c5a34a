package import ApusModel
package import HashTreeCollections

/// All that readers see of the cluster: persistent maps, so that a snapshot costs nothing.
package struct ClusterState: Sendable {
    package var cluster: ClusterID
    /// 0 until this controller leads.
    package var epoch: Epoch = 0
    package var facts = ClusterFacts()
    package var applications: TreeDictionary<AppID, Application> = [:]
    package var instances: TreeDictionary<InstanceID, Instance> = [:]
    package var localServices: TreeDictionary<ServiceID, LocalService> = [:]
    /// Of applications and local services.
    package var ended: TreeDictionary<Owner, EndedHistory> = [:]
    package var tasks: TreeDictionary<TaskID, TaskRun> = [:]
    package var members: TreeDictionary<ExecutorID, Member> = [:]
    /// Containers of this cluster that no application claims; soft.
    package var strays: TreeDictionary<InstanceID, Stray> = [:]

    package init(cluster: ClusterID) { self.cluster = cluster }

    /// The live instances of an application, oldest first.
    package func instances(of app: AppID) -> [Instance] {
        applications[app]?.instances.compactMap { instances[$0] } ?? []
    }

    /// The ended instances of an application that have not come back, newest first.
    package func endedInstances(of app: AppID) -> [EndedInstance] { endedInstances(of: .application(app)) }

    /// Those of an application or a local service.
    package func endedInstances(of owner: Owner) -> [EndedInstance] {
        (ended[owner]?.entries ?? []).reversed().filter { instances[$0.id] == nil }
    }
}
