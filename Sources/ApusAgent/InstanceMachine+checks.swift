import ApusModel

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
        guard let readiness else { return beginHealth(skippingDelay: skippingDelays, out) }
        let first = out.now + (skippingDelays ? .zero : readiness.initialDelay?.duration ?? .zero)
        phase = .unready(Probe(next: first, quickUntil: first + readiness.interval.duration))
        // A recovered one has been running: its health check need not wait either.
        if skippingDelays { health?.initialDelay = nil }
    }

    private mutating func beginHealth(skippingDelay: Bool, _ out: Outbox) {
        guard let health else {
            phase = .healthy(Probe(next: Moment(nanoseconds: .max), quickUntil: out.now))
            return
        }
        let first = out.now + (skippingDelay ? .zero : health.initialDelay?.duration ?? .zero)
        phase = .ready(Probe(next: first, quickUntil: out.now))
    }

    mutating func tryCheck(_ check: CheckSpec?, _ out: inout Outbox) {
        guard let check, let container else { return }
        var port: PortMapping?
        if case .http(let http) = check.mode { port = ports.first { $0.name == http.portName } }
        let timeout = check.timeout.duration
        launch(
            .check(check.mode, container: container, port: port, timeout: timeout),
            within: timeout + .seconds(10),
            &out
        )
    }

    static func fault(of failure: JobFailure) -> CheckFault {
        switch failure.kind {
        case .notListening: .connect
        case .tls: .tls
        case .timedOut: .timeout
        case .status: .status
        case .exitCode: .exitCode
        case .engineAway, .overloaded, .imageMissing, .other: .other
        }
    }

    mutating func checkPassed(launched: Moment, _ out: Outbox) {
        error = ""
        switch phase {
        case .unready:
            beginHealth(skippingDelay: false, out)
        case .ready(let probe), .healthy(let probe):
            var probe = probe
            probe.failures = 0
            probe.next = nextTry(of: health, launched: launched, out)
            phase = .healthy(probe)
        case .recovering, .provisioning, .creating, .starting, .waiting, .stopping, .removing, .ended: break
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
            probe.failures += 1
            probe.next = nextTry(of: readiness, launched: launched, out)
            phase = .unready(probe)
            judge(
                probe,
                of: readiness,
                "readiness check",
                .readinessCheckFailed,
                .readinessFailed(Self.fault(of: failure)),
                failure,
                &out
            )
        case .ready(var probe):
            probe.failures += 1
            probe.next = nextTry(of: health, launched: launched, out)
            phase = .ready(probe)
            judge(probe, of: health, "health check", .unhealthy, .healthFailed(Self.fault(of: failure)), failure, &out)
        case .healthy(var probe):
            probe.failures += 1
            probe.next = nextTry(of: health, launched: launched, out)
            phase = .healthy(probe)
            judge(probe, of: health, "health check", .unhealthy, .healthFailed(Self.fault(of: failure)), failure, &out)
        case .recovering, .provisioning, .creating, .starting, .waiting, .stopping, .removing, .ended: break
        }
    }

    private mutating func judge(
        _ probe: Probe,
        of check: CheckSpec?,
        _ name: String,
        _ state: InstanceState,
        _ cause: EndCause,
        _ failure: JobFailure,
        _ out: inout Outbox
    ) {
        let attempts = max(check?.attempts ?? 1, 1)
        error = "\(name) failed \(probe.failures) of \(attempts) times: \(failure.reason)"
        if probe.failures >= attempts { fail(state, cause, error, isRunning: true, &out) }
    }

    /// Tries are spaced from launch to launch, so a slow answer does not stretch the interval.
    private func nextTry(of check: CheckSpec?, launched: Moment, _ out: Outbox) -> Moment {
        max(out.now, launched + max(check?.interval.duration ?? .seconds(1), Probe.shortestInterval))
    }
}
