import ApusModel

/// One instance on this executor, from its START to its end (contract §4.3).
///
/// A state that only leads on to the next (PENDING; a failed one with nothing to stop) is passed within one step and
/// so never reported; what failed stays in `error` and `cause`.
struct InstanceMachine: Hashable, Sendable {
    enum Phase: Hashable {
        /// The executor restarted, or the container was just found: an inventory must tell what there is. UNKNOWN.
        case recovering
        /// The pull is under way.
        case provisioning
        /// The container is being made. STARTING, as is the next.
        case creating
        case starting
        case unready(Probe)
        case ready(Probe)
        case healthy(Probe)
        /// Time to finish before the container is asked to stop. STOPPING or the failed state, as is the next.
        case waiting(until: Moment)
        case stopping(Backoff)
        /// DEPROVISIONING.
        case removing(Backoff)
        /// STOPPED.
        case ended(since: Moment)
    }

    /// The one job that is under way.
    struct Flight: Hashable {
        var attempt: Int
        var launched: Moment
        /// The edge answers sooner; this guards against an edge that does not.
        var deadline: Moment
        /// Set if it is about a container that is not (any longer) the instance's.
        var leftover: ContainerID?
    }

    struct Exit: Hashable {
        var container: ContainerID
        var code: Int64
        var outOfMemory: Bool
    }

    /// What of it is reported, so a change of it is a new revision.
    struct Face: Hashable {
        var state: InstanceState
        var error: String
        var cause: EndCause?
        var ports: [PortMapping]
    }

    static let stopGrace = Duration.seconds(10)

    let id: InstanceID
    let owner: Owner
    let appName: String
    let allocation: ResourceAllocation
    let created: WallTime
    /// The leadership that placed it.
    var epoch: Epoch = 0
    /// Absent for a container known only by its labels, and once it has ended.
    var spec: InstanceSpec?
    var readiness: CheckSpec?
    var health: CheckSpec?
    var waitBeforeKill = Duration.zero

    var phase: Phase
    var container: ContainerID?
    /// Since when `container` is surely as the phase says: an inventory asked for earlier proves nothing.
    var certainSince: Moment
    var ports: [PortMapping] = []
    var flight: Flight?
    /// An exit that was seen before its time: the start's outcome, or the first inventory.
    var exit: Exit?
    /// Containers of this id that are not its container: to be removed when nothing else is under way.
    var leftovers: [ContainerID] = []
    var leftoverRetry = Backoff(at: .zero)

    var stopTold: StopReason?
    /// The first reason for its end.
    var cause: EndCause?
    /// What it shows while its container is stopped because it failed.
    var failedState: InstanceState?
    var error = ""
    /// Why its container could not be stopped or removed yet.
    var trouble = ""
    var updated: WallTime
    var revision: Int64 = 1
    /// When the leader said it had committed the end.
    var settledAt: WallTime?

    var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    var state: InstanceState {
        switch phase {
        case .recovering: cause == nil ? .unknown : .stopping
        case .provisioning: .provisioning
        case .creating, .starting: cause == nil ? .starting : .stopping
        case .unready: .unready
        case .ready: .ready
        case .healthy: .healthy
        case .waiting, .stopping: failedState ?? .stopping
        case .removing: .deprovisioning
        case .ended: .stopped
        }
    }

    var face: Face {
        let texts = [error, trouble].filter { !$0.isEmpty }
        return Face(state: state, error: texts.joined(separator: "; "), cause: cause, ports: ports)
    }

    var report: InstanceReport {
        let face = face
        return InstanceReport(
            id: id,
            owner: owner,
            appName: appName,
            state: face.state,
            allocation: allocation,
            ports: ports,
            error: face.error,
            cause: cause,
            created: created,
            updated: updated,
            revision: revision
        )
    }

    /// When `wake` has something to do; `nil` while it only waits for others.
    var wakeAt: Moment? {
        if let flight { return flight.deadline }
        let own: Moment? =
            switch phase {
            case .unready(let probe), .ready(let probe), .healthy(let probe): probe.next
            case .waiting(let until): until
            case .stopping(let retry), .removing(let retry): retry.at
            case .recovering, .provisioning, .creating, .starting, .ended: nil
            }
        guard !leftovers.isEmpty else { return own }
        return min(own ?? leftoverRetry.at, leftoverRetry.at)
    }
}

// MARK: births

extension InstanceMachine {
    /// A START was taken.
    init(starting spec: InstanceSpec, epoch: Epoch, created: WallTime) {
        self.init(
            id: spec.id,
            owner: spec.owner,
            appName: spec.workload.name,
            allocation: spec.allocation,
            created: created,
            epoch: epoch,
            spec: spec,
            readiness: spec.workload.readiness,
            health: spec.workload.healthcheck,
            waitBeforeKill: spec.workload.preShutdown?.waitBeforeKill?.duration ?? .zero,
            phase: .recovering,
            certainSince: .zero,
            updated: created
        )
    }

    /// A container was found that the journal did not know, now or before a restart.
    init(adopted: AdoptedInstance) {
        self.init(
            id: adopted.id,
            owner: adopted.owner,
            appName: adopted.appName,
            allocation: adopted.allocation,
            created: adopted.created,
            phase: .recovering,
            container: adopted.container,
            certainSince: .zero,
            ports: adopted.ports,
            updated: adopted.created
        )
    }

    /// The journal says that it is over.
    init(ended report: InstanceReport, at now: Moment) {
        self.init(
            id: report.id,
            owner: report.owner,
            appName: report.appName,
            allocation: report.allocation,
            created: report.created,
            phase: .ended(since: now),
            certainSince: now,
            ports: report.ports,
            cause: report.cause,
            error: report.error,
            updated: report.updated
        )
    }
}
