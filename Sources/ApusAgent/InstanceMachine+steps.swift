import ApusModel

/// What happens to an instance, and what it does about it.
extension InstanceMachine {
    /// A START was taken, or taken before a crash and nothing had come of it.
    mutating func begin(_ out: inout Outbox) {
        guard let spec else { return }
        phase = .provisioning
        let timeout = spec.workload.executable.dockerPullTimeout.duration
        launch(.pull(image: spec.workload.executable.url, timeout: timeout), within: timeout + .seconds(30), &out)
    }

    mutating func told(toStop reason: StopReason, _ out: inout Outbox) {
        stopTold = reason
        // One that is ending already goes on with that, and keeps its first cause.
        guard cause == nil, !hasEnded else { return }
        cause = .stopped(reason)
        switch phase {
        case .recovering:
            // Without a container on record the first inventory must say whether there is one.
            if container != nil { takeDown(isRunning: true, &out) }
        case .provisioning:
            takeDown(isRunning: false, &out)
        case .creating, .starting:
            // What they make must be known before it can be removed.
            break
        case .unready, .ready, .healthy:
            takeDown(isRunning: true, &out)
        case .waiting, .stopping, .removing, .ended:
            break
        }
    }

    mutating func exited(_ exit: Exit, _ out: inout Outbox) {
        switch phase {
        case .recovering, .starting:
            self.exit = exit
        case .unready, .ready, .healthy:
            failExited(exit, &out)
        case .waiting:
            takeDown(isRunning: false, &out)
        case .stopping:
            if flight == nil { takeDown(isRunning: false, &out) }
        case .provisioning, .creating, .removing, .ended:
            break
        }
    }

    mutating func outcome(_ outcome: Outcome, attempt: Int, _ out: inout Outbox) {
        guard let flight, flight.attempt == attempt else { return }
        self.flight = nil
        if let leftover = flight.leftover { return leftoverOutcome(outcome, leftover, out) }
        switch (phase, outcome) {
        case (.provisioning, .pulled):
            guard let spec else { return }
            phase = .creating
            launch(.create(spec, created: created, epoch: epoch, ports: ports), within: .seconds(120), &out)
        case (.creating, .created(let container, let ports)):
            made(container, ports, &out)
        case (.starting, .started):
            started(&out)
        case (.unready, .passed), (.ready, .passed), (.healthy, .passed):
            checkPassed(launched: flight.launched, out)
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
            let failure = JobFailure(.timedOut, reason: "there was no outcome in time")
            outcome(.failed(failure), attempt: flight.attempt, &out)
            guard self.flight == nil else { return }
        }
        switch phase {
        case .unready(let probe) where probe.next <= out.now: tryCheck(readiness, &out)
        case .ready(let probe) where probe.next <= out.now: tryCheck(health, &out)
        case .healthy(let probe) where probe.next <= out.now: tryCheck(health, &out)
        case .waiting(let until) where until <= out.now: stop(&out)
        case .stopping(let retry) where retry.at <= out.now: tryStop(&out)
        case .removing(let retry) where retry.at <= out.now: tryRemove(&out)
        default: break
        }
        if flight == nil, let leftover = leftovers.first, leftoverRetry.at <= out.now {
            launch(.remove(leftover), within: .seconds(60), leftover: leftover, &out)
        }
    }

    private mutating func made(_ container: ContainerID, _ ports: [PortMapping], _ out: inout Outbox) {
        self.container = container
        self.ports = ports
        certainSince = out.now
        out.facts.append(.container(id, container, ports))
        guard cause == nil else { return takeDown(isRunning: false, &out) }
        start(&out)
    }

    mutating func start(_ out: inout Outbox) {
        guard let container else { return }
        phase = .starting
        launch(.start(container), within: .seconds(120), &out)
    }

    private mutating func started(_ out: inout Outbox) {
        certainSince = out.now
        if cause != nil { return takeDown(isRunning: true, &out) }
        if let exit { return failExited(exit, &out) }
        beginReadiness(skippingDelays: false, out)
    }

    private mutating func failed(_ failure: JobFailure, launched: Moment, _ out: inout Outbox) {
        switch phase {
        case .provisioning:
            let image = spec?.workload.executable.url ?? ""
            fail(
                .provisioningFailed,
                .pullFailed,
                "image \(image) could not be fetched: \(failure.reason)",
                isRunning: false,
                &out
            )
        case .creating:
            let text = "the container could not be created: \(failure.reason)"
            fail(.startFailed, .startFailed, text, isRunning: false, &out)
        case .starting:
            let text = "the container could not be started: \(failure.reason)"
            fail(.startFailed, .startFailed, text, isRunning: false, &out)
        case .unready, .ready, .healthy:
            checkFailed(failure, launched: launched, &out)
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
        case .recovering, .waiting, .ended:
            break
        }
    }

    func exitText(_ exit: Exit) -> String {
        "container exited with code \(exit.code)" + (exit.outOfMemory ? " (out of memory)" : "")
    }

    mutating func failExited(_ exit: Exit, _ out: inout Outbox) {
        let cause = EndCause.exited(code: exit.code, outOfMemory: exit.outOfMemory)
        fail(.unhealthy, cause, exitText(exit), isRunning: false, &out)
    }

    /// Its container is not there any more; no code is known.
    mutating func failGone(_ out: inout Outbox) {
        fail(.unhealthy, .exited(code: -1, outOfMemory: false), "its container is gone", isRunning: false, &out)
    }

    mutating func fail(
        _ state: InstanceState,
        _ cause: EndCause,
        _ error: String,
        isRunning: Bool,
        _ out: inout Outbox
    ) {
        if self.cause == nil {
            self.cause = cause
            self.error = error
            failedState = state
        }
        takeDown(isRunning: isRunning, &out)
    }

    /// The way down, from wherever it is: wait, stop, remove, end.
    mutating func takeDown(isRunning: Bool, _ out: inout Outbox) {
        abandonFlight(&out)
        guard container != nil else { return finish(out) }
        if !isRunning {
            phase = .removing(Backoff(at: out.now))
            tryRemove(&out)
        } else if waitBeforeKill > .zero {
            phase = .waiting(until: out.now + waitBeforeKill)
        } else {
            stop(&out)
        }
    }

    private mutating func stop(_ out: inout Outbox) {
        phase = .stopping(Backoff(at: out.now))
        tryStop(&out)
    }

    private mutating func tryStop(_ out: inout Outbox) {
        guard let container else { return }
        launch(.stop(container, grace: Self.stopGrace), within: Self.stopGrace + .seconds(60), &out)
    }

    private mutating func tryRemove(_ out: inout Outbox) {
        guard let container else { return }
        launch(.remove(container), within: .seconds(60), &out)
    }

    private mutating func finish(_ out: Outbox) {
        phase = .ended(since: out.now)
        trouble = ""
        // Kept for an hour, but not its specification.
        spec = nil
        exit = nil
    }

    private mutating func leftoverOutcome(_ outcome: Outcome, _ leftover: ContainerID, _ out: Outbox) {
        if outcome == .removed {
            leftovers.removeAll { $0 == leftover }
            leftoverRetry = Backoff(at: out.now)
        } else {
            leftoverRetry.postpone(from: out.now)
        }
    }

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

    private mutating func abandonFlight(_ out: inout Outbox) {
        guard let flight else { return }
        out.actions.append(.cancel(id, attempt: flight.attempt))
        self.flight = nil
    }
}
