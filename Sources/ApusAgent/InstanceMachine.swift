import ApusModel

/// One instance or task on this executor, from its START to its end (contract §4.3, §4.6).
///
/// A state that only leads on to the next (PENDING; RUN_COMPLETED; a failed one with nothing to stop) is passed within
/// one step and so never reported; what failed stays in `error` and `cause`.
struct InstanceMachine: Hashable, Sendable {
    enum Phase: Hashable {
        /// The executor restarted, or the container was just found: an inventory must tell what there is. UNKNOWN.
        case recovering(since: Moment)
        /// The pull is under way, or tried again then.
        case provisioning(Backoff)
        /// The container is being made, or it is tried again then. STARTING, as are the next two.
        case creating(Backoff)
        case starting(Backoff)
        /// Whether a task's container was started is not known: an inventory must tell.
        case unclear(since: Moment)
        /// A task's container runs.
        case running
        case unready(Probe)
        case ready(Probe)
        case healthy(Probe)
        /// The container ended by itself before it was known whether there is a leader. UNKNOWN.
        case undecided(Ending)
        /// It ended while there is no leader, and is started again in place. UNHEALTHY.
        case resting(Rest)
        /// The hooks before the stop. STOPPING or the failed state, as are the next two.
        case hooks(HookCourse)
        /// Time to finish before the container is asked to stop.
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

    /// What a failing check would end it with if a leader were there.
    struct Mark: Hashable {
        var state: InstanceState
        var cause: EndCause
    }

    /// What of it is reported, so a change of it is a new revision.
    struct Face: Hashable {
        var state: InstanceState
        var error: String
        var cause: EndCause?
        var ports: [PortMapping]
        var restarts: Int
        var progress: String?
    }

    static let stopGrace = Duration.seconds(10)
    /// What is longer is cut before it is told: a leader refuses a report with a text beyond measure.
    static let longestText = 1000
    static let longestProgress = 200
    /// The longest wait before the container is asked to stop, whatever its specification says.
    static let longestWait = Duration.seconds(3600)
    /// An image that is gone when the container is made is fetched again, so often.
    static let repeatedPulls = 3

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
    var hooks: [CheckMode] = []
    var waitBeforeKill = Duration.zero

    var phase: Phase
    var container: ContainerID?
    /// An inventory did not have `container`.
    var isGone = false
    /// Since when `container` is surely as the phase says: an inventory asked for earlier proves nothing.
    var certainSince: Moment
    var ports: [PortMapping] = []
    var flight: Flight?
    /// An exit that was seen before its time: the start's outcome, or the first inventory.
    var exit: Exit?
    /// Containers of this id that are not its container: to be removed when nothing else is under way.
    var leftovers: [ContainerID] = []
    var leftoverRetry = Backoff(at: .zero)
    /// Pulls since the last because the image was missing.
    var pullsAgain = 0
    /// When the container engine first showed a task's container as not started, since its start may have been asked for.
    var idleSince: Moment?

    var stopTold: StopReason?
    /// The first reason for its end.
    var cause: EndCause?
    /// What it shows while its container is stopped because it failed.
    var failedState: InstanceState?
    /// Set while its checks fail and there is no leader: it goes on.
    var mark: Mark?
    var error = ""
    /// What is tried again, and why it could not be done yet.
    var trouble = ""
    /// How far the job under way has come, in its own words.
    var progress = ""
    /// How often it was started again in place, and what for the last time.
    var restarts = 0
    var restartError = ""
    var restartedAt = WallTime(milliseconds: 0)
    var ladder = RestartLadder()
    var healthySince: Moment?
    var updated: WallTime
    var revision: Int64 = 1
    /// False while the journal could not be told of the end: until then it is not over.
    var isEndRecorded = true
    /// When the leader said it had committed the end.
    var settledAt: WallTime?

    var isTask: Bool {
        if case .task = owner { true } else { false }
    }

    var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// The job under way is a try of a check or a hook.
    var isBeingChecked: Bool {
        switch phase {
        case .unready, .ready, .healthy, .hooks: true
        default: false
        }
    }

    var state: InstanceState {
        // A task has no state of being stopped.
        let stopping: InstanceState = failedState ?? (isTask ? .deprovisioning : .stopping)
        return switch phase {
        case .recovering: cause == nil ? .unknown : stopping
        case .provisioning: .provisioning
        case .creating, .starting, .unclear: cause == nil ? .starting : stopping
        case .running: .running
        case .unready: mark?.state ?? .unready
        case .ready: mark?.state ?? .ready
        case .healthy: mark?.state ?? .healthy
        case .undecided: .unknown
        case .resting: .unhealthy
        case .hooks, .waiting, .stopping: stopping
        case .removing: .deprovisioning
        case .ended: isEndRecorded ? .stopped : .deprovisioning
        }
    }

    var face: Face {
        let count = restarts == 1 ? "once" : "\(restarts) times"
        let again = restartError.isEmpty ? "" : "started again in place \(count), last: \(restartError)"
        let texts = [error, again, trouble].filter { !$0.isEmpty }
        return Face(
            state: state,
            error: texts.joined(separator: "; ").clipped(toBytes: Self.longestText),
            cause: cause ?? mark?.cause,
            ports: ports,
            restarts: restarts,
            progress: progress.isEmpty ? nil : progress
        )
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
            cause: face.cause,
            created: created,
            updated: updated,
            revision: revision,
            restarts: restarts,
            progress: face.progress
        )
    }

    /// What the journal is told of its end.
    var lastReport: InstanceReport {
        var report = report
        report.state = .stopped
        report.progress = nil
        return report
    }

    /// When `wake` has something to do; `nil` while it only waits for others.
    var wakeAt: Moment? {
        if let flight { return flight.deadline }
        let own: Moment? =
            switch phase {
            case .unready(let probe), .ready(let probe), .healthy(let probe): probe.next
            case .resting(let rest): rest.until
            case .hooks(let course): course.next
            case .waiting(let until): until
            case .provisioning(let retry), .creating(let retry), .starting(let retry), .stopping(let retry),
                .removing(let retry):
                retry.at
            case .recovering, .unclear, .running, .undecided, .ended: nil
            }
        guard !leftovers.isEmpty else { return own }
        return min(own ?? leftoverRetry.at, leftoverRetry.at)
    }
}

// MARK: births

extension InstanceMachine {
    /// A START was taken, now or before a restart.
    init(starting spec: InstanceSpec, epoch: Epoch, created: WallTime, at now: Moment) {
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
            hooks: spec.workload.preShutdown?.hooks ?? [],
            waitBeforeKill: spec.workload.preShutdown?.waitBeforeKill?.duration ?? .zero,
            phase: .recovering(since: now),
            certainSince: .zero,
            updated: created
        )
    }

    /// A container was found that the journal did not know, now or before a restart.
    init(adopted: AdoptedInstance, at now: Moment) {
        self.init(
            id: adopted.id,
            owner: adopted.owner,
            appName: adopted.appName,
            allocation: adopted.allocation,
            created: adopted.created,
            phase: .recovering(since: now),
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
            restarts: report.restarts,
            updated: report.updated
        )
    }
}
