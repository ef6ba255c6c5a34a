package import ApusModel

/// One entry of an executor's journal: what it must still know after a crash.
///
/// The records of one write stand in an order in which every prefix is safe: the id first, its fence last.
package enum JournalRecord: Hashable, Sendable {
    /// Commands up to this one have been taken.
    case fence(Fence)
    /// A START of that leadership was taken; `created` becomes the instance's.
    case accepted(InstanceSpec, created: WallTime, epoch: Epoch)
    /// A container unknown to the journal was taken in.
    case adopted(AdoptedInstance)
    /// A STOP was taken. For an id the journal does not know it is a tombstone: a late START for it does nothing.
    case stopTold(InstanceID, StopReason, at: WallTime)
    /// The container of an instance was made.
    case container(InstanceID, ContainerID, [PortMapping])
    /// Its container ended while there was no leader: it is started again in place, for the `count`th time.
    case restarting(InstanceID, count: Int, error: String, at: WallTime)
    /// A task's container has ended; recorded before it is removed, since nothing else could tell how.
    case completed(InstanceID, EndCause, error: String)
    /// The instance is over and its container removed.
    case ended(InstanceReport)
    /// The leader has committed the end.
    case settled(InstanceID, at: WallTime)
    /// The id need not be known any more.
    case forgotten(InstanceID)

    package static let schema: Int64 = 1
}

/// What is kept of a container that was found by its labels; its checks are read from them again.
package struct AdoptedInstance: Hashable, Sendable {
    package var id: InstanceID
    package var owner: Owner
    package var appName: String
    package var allocation: ResourceAllocation
    package var ports: [PortMapping]
    package var container: ContainerID
    package var created: WallTime

    package init(
        id: InstanceID,
        owner: Owner,
        appName: String,
        allocation: ResourceAllocation,
        ports: [PortMapping],
        container: ContainerID,
        created: WallTime
    ) {
        self.id = id
        self.owner = owner
        self.appName = appName
        self.allocation = allocation
        self.ports = ports
        self.container = container
        self.created = created
    }

    init(_ labels: FoundLabels, _ container: ContainerID) {
        self.init(
            id: labels.instance,
            owner: labels.owner,
            appName: labels.appName,
            allocation: labels.allocation,
            ports: labels.ports,
            container: container,
            created: labels.created
        )
    }
}
