import ApusModel

/// What happens to an instance, and how it comes up.
extension InstanceMachine {
    /// A START was taken, or taken before a crash and nothing had come of it, or its container is made again.
    mutating func begin(_ out: inout Outbox) {
        pullsAgain = 0
        pull(&out)
    }

    mutating func told(toStop reason: StopReason, _ out: inout Outbox) {
        stopTold = reason
        // One that is ending already goes on with that, and keeps its first cause.
        guard cause == nil, !hasEnded else { return }
        cause = .stopped(reason)
        mark = nil
        trouble = ""
        let isAtWork = flight.map { $0.leftover == nil } ?? false
        switch phase {
        case .recovering:
            // The first inventory says whether there is a container, and whether it runs.
            break
        case .creating where isAtWork, .starting where isAtWork:
            // What they make must be known before it can be removed.
            break
        case .provisioning, .creating, .undecided, .resting:
            takeDown(isRunning: false, &out)
        case .starting, .unclear:
            // It may run by now; nobody knows, so no hook is tried on it.
            stop(&out)
        case .running, .unready, .ready, .healthy:
            takeDown(isRunning: true, &out)
        case .hooks, .waiting, .stopping, .removing, .ended:
            break
        }
    }

    mutating func exited(_ exit: Exit, _ out: inout Outbox) {
        switch phase {
        case .recovering, .starting:
            self.exit = exit
        case .unclear:
            ended(.exited(exit), &out)
        case .running, .unready, .ready, .healthy:
            guard restarts == 0 else {
                // It may be the exit that was the reason for the restart, told late: the containers know.
                out.wantsInventory = true
                return
            }
            ended(.exited(exit), &out)
        case .hooks, .waiting:
            takeDown(isRunning: false, &out)
        case .stopping:
            if flight == nil { takeDown(isRunning: false, &out) }
        case .provisioning, .creating, .undecided, .resting, .removing, .ended:
            break
        }
    }

    /// A job under way has come so far.
    mutating func progressed(_ text: String, attempt: Int) {
        guard let flight, flight.attempt == attempt, flight.leftover == nil else { return }
        progress = text.clipped(toBytes: Self.longestProgress)
    }

    mutating func outcome(_ outcome: Outcome, attempt: Int, _ out: inout Outbox) {
        guard let flight, flight.attempt == attempt else { return }
        self.flight = nil
        progress = ""
        if let leftover = flight.leftover { return leftoverOutcome(outcome, leftover, out) }
        switch (phase, outcome) {
        case (.provisioning, .pulled):
            trouble = ""
            phase = .creating(Backoff(at: out.now))
            create(&out)
        case (.creating, .created(let container, let ports)):
            trouble = ""
            made(container, ports, &out)
        case (.starting, .started):
            trouble = ""
            started(&out)
        case (.unready, .passed), (.ready, .passed), (.healthy, .passed):
            checkPassed(launched: flight.launched, out)
        case (.hooks(let course), .passed):
            hooksContinue(after: course, &out)
        case (.stopping, .stopped):
            trouble = ""
            takeDown(isRunning: false, &out)
        case (.removing, .removed):
            finish(out)
        case (_, .failed(let failure)):
            failed(failure, launched: flight.launched, &out)
        default:
            failed(
                JobFailure(.other, reason: "the executor answered \(outcome), which does not belong here"),
                launched: flight.launched,
                &out
            )
        }
    }

    /// Does what is due.
    mutating func wake(_ out: inout Outbox) {
        if let flight {
            guard flight.deadline <= out.now else { return }
            out.actions.append(.cancel(id, attempt: flight.attempt))
            // It may have waited here for its turn: that tells nothing about the application, the image or the container.
            let kind: JobFailure.Kind = isBeingChecked ? .overloaded : .engineAway
            let failure = JobFailure(kind, reason: "there was no outcome in time")
            outcome(.failed(failure), attempt: flight.attempt, &out)
            guard self.flight == nil else { return }
        }
        switch phase {
        case .provisioning(let retry) where retry.at <= out.now: pull(&out)
        case .creating(let retry) where retry.at <= out.now: create(&out)
        case .starting(let retry) where retry.at <= out.now: tryStart(&out)
        case .unready(let probe) where probe.next <= out.now: tryCheck(readiness, &out)
        case .ready(let probe) where probe.next <= out.now: tryCheck(health, &out)
        case .healthy(let probe) where probe.next <= out.now: tryCheck(health, &out)
        case .resting(let rest) where rest.until <= out.now: startAgain(after: rest, &out)
        case .hooks(let course) where course.next <= out.now: tryHook(course, &out)
        case .waiting(let until) where until <= out.now: stop(&out)
        case .stopping(let retry) where retry.at <= out.now: tryStop(&out)
        case .removing(let retry) where retry.at <= out.now: tryRemove(&out)
        default: break
        }
        if flight == nil, let leftover = leftovers.first, leftoverRetry.at <= out.now {
            launch(.remove(leftover), within: .seconds(60), leftover: leftover, &out)
        }
    }

    // MARK: coming up

    private mutating func pull(_ out: inout Outbox) {
        guard let spec else { return }
        if case .provisioning = phase {} else { phase = .provisioning(Backoff(at: out.now)) }
        let timeout = spec.workload.executable.dockerPullTimeout.duration
        // The edge asks for the image before and after the pull.
        launch(.pull(image: spec.workload.executable.url, timeout: timeout), within: timeout + .seconds(90), &out)
    }

    private mutating func create(_ out: inout Outbox) {
        guard let spec else { return }
        launch(.create(spec, created: created, epoch: epoch, ports: ports), within: .seconds(120), &out)
    }

    private mutating func made(_ container: ContainerID, _ ports: [PortMapping], _ out: inout Outbox) {
        self.container = container
        self.ports = ports
        isGone = false
        certainSince = out.now
        // A task's is recorded before its start.
        if !isTask { out.facts.append(.container(id, container, ports)) }
        guard cause == nil else { return takeDown(isRunning: false, &out) }
        start(&out)
    }

    mutating func start(_ out: inout Outbox) {
        phase = .starting(Backoff(at: out.now))
        tryStart(&out)
    }

    private mutating func tryStart(_ out: inout Outbox) {
        guard let container else { return }
        idleSince = nil
        // Only so is a task's container that is gone later known to have been, and never made again.
        if isTask { out.records.append(.container(id, container, ports)) }
        launch(.start(container), within: .seconds(120), &out)
    }

    private mutating func started(_ out: inout Outbox) {
        certainSince = out.now
        if cause != nil { return takeDown(isRunning: true, &out) }
        if let exit {
            self.exit = nil
            guard restarts > 0 else { return ended(.exited(exit), &out) }
            out.wantsInventory = true
        }
        runs(skippingDelays: false, out)
    }

    /// The container runs.
    mutating func runs(skippingDelays: Bool, _ out: Outbox) {
        if isTask {
            phase = .running
        } else {
            beginReadiness(skippingDelays: skippingDelays, out)
        }
    }

    // MARK: failures

    private mutating func failed(_ failure: JobFailure, launched: Moment, _ out: inout Outbox) {
        switch phase {
        case .provisioning(var retry):
            let image = "image \(spec?.workload.executable.url ?? "") could not be fetched"
            guard failure.kind == .engineAway else {
                return giveUp(.provisioningFailed, .pullFailed, "\(image): \(failure.reason)", &out)
            }
            trouble = "\(image), it is tried again: \(failure.reason)"
            retry.postpone(from: out.now)
            phase = .provisioning(retry)
        case .creating(let retry): createFailed(failure, retry, &out)
        case .starting(let retry): startFailed(failure, retry, &out)
        case .unready, .ready, .healthy: checkFailed(failure, launched: launched, &out)
        case .hooks(let course): hookFailed(failure, course, &out)
        case .stopping(var retry):
            trouble = "the container could not be stopped: \(failure.reason)"
            // Removal kills. While the container engine is away that is no more possible than stopping, and once it is
            // back the container is to get its grace.
            guard failure.kind == .engineAway else { return takeDown(isRunning: false, &out) }
            retry.postpone(from: out.now)
            phase = .stopping(retry)
        case .removing(var retry):
            trouble = "the container could not be removed, it is tried again: \(failure.reason)"
            retry.postpone(from: out.now)
            phase = .removing(retry)
        case .recovering, .unclear, .running, .undecided, .resting, .waiting, .ended:
            break
        }
    }

    private mutating func createFailed(_ failure: JobFailure, _ retry: Backoff, _ out: inout Outbox) {
        // What it made all the same is found by the next inventory and removed: it was never started.
        guard cause == nil else { return takeDown(isRunning: false, &out) }
        if failure.kind == .imageMissing, pullsAgain < Self.repeatedPulls {
            pullsAgain += 1
            return pull(&out)
        }
        guard failure.leavesOutcomeOpen else {
            let text = "the container could not be created: \(failure.reason)"
            return giveUp(isTask ? .runFailed : .startFailed, .startFailed, text, &out)
        }
        // The edge takes one that was made all the same.
        var retry = retry
        trouble = "the container could not be created, it is tried again: \(failure.reason)"
        retry.postpone(from: out.now)
        phase = .creating(retry)
    }

    private mutating func startFailed(_ failure: JobFailure, _ retry: Backoff, _ out: inout Outbox) {
        guard failure.leavesOutcomeOpen else {
            let text = "the container could not be started: \(failure.reason)"
            return giveUp(isTask ? .runFailed : .startFailed, .startFailed, text, &out)
        }
        guard cause == nil else { return stop(&out) }
        if let exit, restarts == 0 { return ended(.exited(exit), &out) }
        trouble = "the container could not be started, it is tried again: \(failure.reason)"
        if isTask {
            // It must not run twice, so nothing is tried before the containers were looked at.
            phase = .unclear(since: out.now)
            out.wantsInventory = true
        } else {
            // Starting one that runs is a success.
            var retry = retry
            retry.postpone(from: out.now)
            phase = .starting(retry)
        }
    }

    /// It does not come up: its end, or without a leader, if it had been up before, a later try.
    private mutating func giveUp(_ state: InstanceState, _ cause: EndCause, _ error: String, _ out: inout Outbox) {
        guard self.cause == nil, restarts > 0, out.leadership == .absent else {
            return fail(state, cause, error, isRunning: false, &out)
        }
        rest(after: error, cause, &out)
    }

    // MARK: jobs

    /// Starts the one job; what is still under way (a check, a leftover's removal) is given up for it.
    mutating func launch(
        _ job: Job,
        within span: Duration,
        leftover: ContainerID? = nil,
        _ out: inout Outbox
    ) {
        abandonFlight(&out)
        let attempt = out.perform(id, job)
        flight = Flight(attempt: attempt, launched: out.now, deadline: out.now + span, leftover: leftover)
    }

    mutating func abandonFlight(_ out: inout Outbox) {
        guard let flight else { return }
        out.actions.append(.cancel(id, attempt: flight.attempt))
        self.flight = nil
        progress = ""
    }
}

extension JobFailure {
    /// The engine may have done it all the same, or do it later.
    fileprivate var leavesOutcomeOpen: Bool { kind == .engineAway || kind == .timedOut }
}
