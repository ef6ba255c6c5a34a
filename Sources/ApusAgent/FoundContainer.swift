package import ApusModel

/// A container whose labels name this cluster and this executor, as the container engine lists it.
package struct FoundContainer: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case created
        case running
        case exited(code: Int64, outOfMemory: Bool)
        /// Any other word of the container engine; taken as running, so that the checks decide.
        case other(String)
    }

    package enum Labels: Hashable, Sendable {
        case ours(FoundLabels)
        /// They cannot be read; the container is left alone.
        case damaged(reason: String)
    }

    package var container: ContainerID
    package var name: String
    package var state: State
    package var labels: Labels

    package init(container: ContainerID, name: String, state: State, labels: Labels) {
        self.container = container
        self.name = name
        self.state = state
        self.labels = labels
    }
}

/// What a container's labels tell of its instance: enough to keep it when the journal does not know it.
package struct FoundLabels: Hashable, Sendable {
    package var instance: InstanceID
    package var owner: Owner
    package var appName: String
    package var allocation: ResourceAllocation
    package var ports: [PortMapping]
    /// `nil` if the labels do not tell; then it counts as passed.
    package var readiness: CheckSpec?
    /// `nil` if the labels do not tell; then a container that runs counts as healthy.
    package var health: CheckSpec?
    package var hooks: [CheckMode]
    package var waitBeforeKill: DurationText?
    package var created: WallTime
    /// The leadership that placed it.
    package var epoch: Epoch

    package init(
        instance: InstanceID,
        owner: Owner,
        appName: String,
        allocation: ResourceAllocation,
        ports: [PortMapping],
        readiness: CheckSpec?,
        health: CheckSpec?,
        hooks: [CheckMode] = [],
        waitBeforeKill: DurationText? = nil,
        created: WallTime,
        epoch: Epoch
    ) {
        self.instance = instance
        self.owner = owner
        self.appName = appName
        self.allocation = allocation
        self.ports = ports
        self.readiness = readiness
        self.health = health
        self.hooks = hooks
        self.waitBeforeKill = waitBeforeKill
        self.created = created
        self.epoch = epoch
    }
}
