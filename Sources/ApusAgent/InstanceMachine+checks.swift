package import ApusModel

/// The course of one kind of check.
struct Probe: Hashable, Sendable {
    var next: Moment
    /// Consecutive ones.
    var failures = 0
    /// Until then a port where nobody listens yet is asked again soon and counts for nothing.
    ///
    /// A program that is starting has its port closed for a moment. Waiting a whole interval for the second try would
    /// make every start that slow, and counting the quick tries would use up the attempts within a second.
    var quickUntil: Moment
    var quickDelay = Duration.milliseconds(100)

    static let slowestQuickDelay = Duration.milliseconds(500)
    static let shortestInterval = Duration.milliseconds(100)
}

extension InstanceMachine {
    /// The container runs; `initialDelay` is left out for one that ran before we knew it.
    mutating func beginReadiness(skippingDelays: Bool, _ out: Outbox) {
        healthySince = nil
        guard let readiness else { return beginHealth(skippingDelay: skippingDelays, out) }
        let first = out.now + (skippingDelays ? .zero : readiness.initialDelay?.duration ?? .zero)
        phase = .unready(Probe(next: first, quickUntil: first + readiness.interval.duration))
        // A recovered one has been running: its health check need not wait either.
        if skippingDelays { health?.initialDelay = nil }
    }

    private mutating func beginHealth(skippingDelay: Bool, _ out: Outbox) {
        guard let health else {
            healthySince = out.now
            phase = .healthy(Probe(next: Moment(nanoseconds: .max), quickUntil: out.now))
            return
        }
        let first = out.now + (skippingDelay ? .zero : health.initialDelay?.duration ?? .zero)
        phase = .ready(Probe(next: first, quickUntil: out.now))
    }

    mutating func tryCheck(_ check: CheckSpec?, _ out: inout Outbox) {
        guard let check else { return }
        perform(check.mode, timeout: check.timeout.duration, &out)
    }

    /// One try of a check or a hook.
    mutating func perform(_ mode: CheckMode, timeout: Duration, _ out: inout Outbox) {
        guard let container else { return }
        var port: PortMapping?
        if case .http(let http) = mode { port = ports.first { $0.name == http.portName } }
        launch(
            .check(mode, container: container, port: port, timeout: timeout),
            within: timeout + .seconds(10),
            &out
        )
    }

    mutating func checkPassed(launched: Moment, _ out: Outbox) {
        error = ""
        mark = nil
        switch phase {
        case .unready:
            beginHealth(skippingDelay: false, out)
        case .ready(var probe), .healthy(var probe):
            probe.failures = 0
            probe.next = nextTry(of: health, launched: launched, out)
            healthySince = healthySince ?? out.now
            phase = .healthy(probe)
        default: break
        }
    }

    mutating func checkFailed(_ failure: JobFailure, launched: Moment, _ out: inout Outbox) {
        switch phase {
        case .unready(var probe):
            if failure.kind == .notListening, out.now < probe.quickUntil {
                probe.next = out.now + probe.quickDelay
                probe.quickDelay = min(probe.quickDelay * 2, Probe.slowestQuickDelay)
                phase = .unready(probe)
                return
            }
            probe.next = nextTry(of: readiness, launched: launched, out)
            if failure.isJudgement { probe.failures += 1 }
            phase = .unready(probe)
            let mark = Mark(state: .readinessCheckFailed, cause: .readinessFailed(failure.fault))
            judge(probe, of: readiness, "readiness", mark, failure, &out)
        case .ready(var probe):
            probe.next = nextTry(of: health, launched: launched, out)
            if failure.isJudgement { probe.failures += 1 }
            phase = .ready(probe)
            let mark = Mark(state: .unhealthy, cause: .healthFailed(failure.fault))
            judge(probe, of: health, "health", mark, failure, &out)
        case .healthy(var probe):
            probe.next = nextTry(of: health, launched: launched, out)
            if failure.isJudgement { probe.failures += 1 }
            phase = .healthy(probe)
            let mark = Mark(state: .unhealthy, cause: .healthFailed(failure.fault))
            judge(probe, of: health, "health", mark, failure, &out)
        default: break
        }
    }

    private mutating func judge(
        _ probe: Probe,
        of check: CheckSpec?,
        _ name: String,
        _ verdict: Mark,
        _ failure: JobFailure,
        _ out: inout Outbox
    ) {
        guard failure.isJudgement else {
            if mark == nil { error = "\(name) could not be judged: \(failure.reason)" }
            return
        }
        let attempts = max(check?.attempts ?? 1, 1)
        error = "\(name) check failed \(min(probe.failures, attempts)) of \(attempts) times: \(failure.reason)"
        guard probe.failures >= attempts else { return }
        guard out.leadership == .present else {
            // Nothing is stopped while no leader could replace it.
            mark = verdict
            healthySince = nil
            return
        }
        fail(verdict.state, verdict.cause, error, isRunning: true, &out)
    }

    /// Tries are spaced from launch to launch, so a slow answer does not stretch the interval.
    private func nextTry(of check: CheckSpec?, launched: Moment, _ out: Outbox) -> Moment {
        max(out.now, launched + max(check?.interval.duration ?? .seconds(1), Probe.shortestInterval))
    }
}

extension JobFailure {
    /// It says something about the application, and not about us or the container engine.
    fileprivate var isJudgement: Bool { kind != .engineAway && kind != .overloaded }

    /// What of a check it is.
    package var fault: CheckFault {
        switch kind {
        case .notListening: .connect
        case .tls: .tls
        case .timedOut: .timeout
        case .status: .status
        case .exitCode: .exitCode
        case .engineAway, .overloaded, .imageMissing, .other: .other
        }
    }
}
