import ApusAgent
import ApusContainers
import ApusModel

/// One try of a check, or of a hook.
struct Check: Sendable {
    /// So late, and a check that ran out of time is no longer held against the application.
    private static let tolerableLag = Duration.milliseconds(250)

    let mode: CheckMode
    let container: ContainerID
    let port: PortMapping?
    let timeout: Duration
    let loops: CheckLoops

    /// `waited` is how long it did so for its turn.
    ///
    /// - Throws: `ContainerError` of a command's container or engine, or `CancellationError`.
    func run(_ engine: any ContainerEngine, probeAddress: String, waited: Duration) async throws -> Outcome {
        switch mode {
        case .http(let check):
            guard let port else {
                return .failed(JobFailure(.other, reason: "no port named \(check.portName) is published"))
            }
            let probe = HTTPProbe(check: check, address: probeAddress, port: port.hostPort, timeout: timeout)
            let loop = loops.next()
            let (result, lag) = try await LagMeter(on: loop).measure { try await probe.run(on: loop) }
            return outcome(of: result, lag, waited)
        case .command(let command):
            // The engine's client chooses its loops itself: any of them stands for all.
            let meter = LagMeter(on: loops.next())
            let words = Self.words(of: command)
            do {
                let (result, lag) = try await meter.measure {
                    try await engine.run(words, in: container, within: timeout)
                }
                return outcome(of: result, isShell: !command.shellDisabled, lag, waited)
            } catch let error as ContainerError where error.isFaultOfEngine {
                return .failed(JobFailure(.engineAway, reason: "\(error)"))
            }
        }
    }

    /// Without a shell, words are what blanks separate: nothing is quoted.
    private static func words(of command: CommandCheck) -> [String] {
        command.shellDisabled
            ? command.command.split(whereSeparator: \.isWhitespace).map(String.init) : ["sh", "-c", command.command]
    }

    private func outcome(of result: ProbeResult, _ lag: Duration, _ waited: Duration) -> Outcome {
        switch result {
        case .passed: .passed
        case .failed(.connect, let reason): .failed(JobFailure(.notListening, reason: reason))
        case .failed(.connectTimeout, let reason): late(.notListening, reason, lag, waited)
        case .failed(.timeout, let reason): late(.timedOut, reason, lag, waited)
        case .failed(.status, let reason): .failed(JobFailure(.status, reason: reason))
        case .failed(.tls, let reason): .failed(JobFailure(.tls, reason: reason))
        case .failed(.other, let reason): .failed(JobFailure(.other, reason: reason))
        }
    }

    private func outcome(
        of result: CommandResult,
        isShell: Bool,
        _ lag: Duration,
        _ waited: Duration
    ) -> Outcome {
        switch result {
        case .exited(code: 0, _): .passed
        case .exited(let code, let line):
            .failed(
                JobFailure(.exitCode, reason: "command exited with code \(code)\(line.isEmpty ? "" : ": \(line)")")
            )
        case .notBegun(let reason):
            .failed(
                JobFailure(
                    .other,
                    reason: """
                        command cannot be run in the container\(isShell ? " (shellDisabled runs it without sh)" : ""): \
                        \(reason)
                        """
                )
            )
        case .runsOn: late(.timedOut, "command did not end within \(timeout); it is left running", lag, waited)
        case .stillRuns:
            .failed(
                JobFailure(
                    .timedOut,
                    reason: "an earlier try of the command still runs, so that no other was begun"
                )
            )
        }
    }

    /// A failure for want of time, unless the time was lost here.
    private func late(
        _ kind: JobFailure.Kind,
        _ reason: String,
        _ lag: Duration,
        _ waited: Duration
    ) -> Outcome {
        if waited > timeout {
            let waiting = "it waited \(Self.text(waited)) for its turn"
            return .failed(JobFailure(.overloaded, reason: "this executor is too busy to judge: \(waiting). \(reason)"))
        }
        if lag > Self.tolerableLag {
            let lagging = "it lags \(Self.text(lag))"
            return .failed(JobFailure(.overloaded, reason: "this executor is too busy to judge: \(lagging). \(reason)"))
        }
        return .failed(JobFailure(kind, reason: reason))
    }

    private static func text(_ duration: Duration) -> String { "\(duration.milliseconds) ms" }
}

extension ContainerError {
    /// It says nothing about what runs in the container.
    fileprivate var isFaultOfEngine: Bool {
        switch code {
        case .engine(let status): status >= 500
        case .unreachable, .timedOut, .unreadable, .unsupportedVersion: true
        case .notFound, .conflict, .nameInUse, .portInUse, .imageMissing: false
        }
    }
}
