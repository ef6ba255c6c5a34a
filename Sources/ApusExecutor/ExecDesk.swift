import ApusClient
package import ApusContainers
package import ApusModel
package import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Admits commands that people run in containers of this executor, and ends those whose caller has left.
package final class ExecDesk: Sendable {
    /// At once.
    package static let most = 64
    /// For a process that was asked to end.
    private static let grace = Duration.seconds(5)
    /// For one that was killed.
    private static let lastGrace = Duration.seconds(2)
    private static let look = Duration.milliseconds(200)
    private static let reading = Duration.seconds(5)
    private static let killing = Duration.seconds(5)

    /// A command that nobody speaks with any more.
    struct Left: Sendable {
        var execution: String
        var container: ContainerID
        var request: ExecRequest
        /// Given back when its process has ended, or cannot be ended.
        var place: ExecPlace
    }

    let engine: DockerEngine
    private let containers: ContainerBook
    private let limits: LimitsFile
    private let kernel: DiskThread
    private let logger: Logger
    private let gate = Gate(limit: most)
    private let lookups = Lookups(limit: 4)
    /// No more than there may be commands at once: each has its place still.
    private let (left, leaving) = AsyncStream.makeStream(of: Left.self, bufferingPolicy: .bufferingOldest(most))

    package init(
        engine: DockerEngine,
        containers: ContainerBook,
        limits: LimitsFile,
        kernel: DiskThread,
        logger: Logger
    ) {
        self.engine = engine
        self.containers = containers
        self.limits = limits
        self.kernel = kernel
        self.logger = logger
    }

    /// Makes a command ready.
    ///
    /// - Throws: `ExecRefusal`, or `CancellationError` when the task was cancelled.
    package func session(_ request: ExecRequest, in instance: InstanceID) async throws -> ExecSession {
        guard let place = ExecPlace(in: gate) else {
            throw ExecRefusal(.busy, "\(Self.most) commands run on this executor already; try again when one has ended")
        }
        guard let container = containers.container(of: instance) else {
            throw ExecRefusal(.notHere, "instance \(instance) has no container on this executor")
        }
        do {
            let limits = try await lookups.run(within: Self.reading, doing: "reading the machine's limits") {
                try self.limits.current()
            }
            if let excess = limits.excess(of: request) { throw ExecRefusal(.forbidden, "\(excess)") }
            let execution = try await engine.prepare(request, in: container)
            logger.info("a command is run in a container", metadata: ["instance.id": "\(instance)"])
            return ExecSession(request, execution, container, desk: self, place: place)
        } catch let error as ContainerError {
            throw ExecRefusal(error)
        } catch let error where !(error is CancellationError || error is ExecRefusal) {
            throw ExecRefusal(.failed, "\(error)")
        }
    }

    // MARK: commands whose caller has left

    /// Its process is to end.
    func leave(_ command: Left) {
        guard case .dropped = leaving.yield(command) else { return }
        logger.error(
            "a command whose caller has left runs on: too many are being ended",
            metadata: ["container.id": "\(command.container)"]
        )
    }

    /// Ends them until it is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await command in left {
                group.addTask {
                    do {
                        try await self.end(command)
                    } catch is CancellationError {
                        // It runs on, like all else.
                    } catch {
                        self.logger.warning(
                            "a command whose caller has left runs on",
                            metadata: ["container.id": "\(command.container)", "error": "\(error)"]
                        )
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func end(_ command: Left) async throws {
        // A shell at a terminal ends when that hangs up; it does not care to be asked.
        guard try await signal(command, command.request.hasTerminal ? SIGHUP : SIGTERM) else { return }
        guard try await runs(command, after: Self.grace) else { return }
        guard try await signal(command, SIGKILL), try await runs(command, after: Self.lastGrace) else { return }
        throw ExecRefusal(.failed, "it did not end when it was killed")
    }

    /// Whether it still does then.
    private func runs(_ command: Left, after time: Duration) async throws -> Bool {
        let end = ContinuousClock.now + time
        while case .runs = try await engine.progress(of: command.execution) {
            guard ContinuousClock.now < end else { return true }
            try await Task.sleep(for: Self.look)
        }
        return false
    }

    /// `nil` if it has ended, or has not begun either after a while: its caller may have left just before.
    private func pid(of command: Left) async throws -> Int? {
        let end = ContinuousClock.now + Self.lastGrace
        while true {
            switch try await engine.progress(of: command.execution) {
            case .ended: return nil
            case .runs(let pid) where pid > 0: return pid
            case .runs, .unknown: guard ContinuousClock.now < end else { return nil }
            }
            try await Task.sleep(for: Self.look)
        }
    }

    /// The engine has no call for it, so the process is signalled itself: from outside, or from within its container.
    ///
    /// - Returns: false if it has ended.
    private func signal(_ command: Left, _ number: Int32) async throws -> Bool {
        guard let pid = try await pid(of: command) else { return false }
        let container = command.container
        // Files of a process that ends meanwhile cannot be read.
        let looked = try await kernel.run { Result { try ContainerProcess(pid, of: container) } }
        guard case .success(let process?) = looked else {
            guard case .runs = try await engine.progress(of: command.execution) else { return false }
            throw ExecRefusal(.failed, "its process \(pid) is not found on this machine")
        }
        guard !process.signal(number) else { return true }
        // As the same user, in the same place.
        let inner = process.inner
        let words = "kill -\(number) -\(inner) || kill -\(number) \(inner)"
        var request = ExecRequest(command: ["sh", "-c", words])
        request.user = command.request.user
        let killer = try await engine.prepare(request, in: container)
        try await within(Self.killing, doing: "ending a command from within its container") { [engine] in
            try await engine.attach(to: killer, hasTerminal: false, began: {}, input: { _ in }, output: { _ in })
        }
        return true
    }
}

/// Why no command is run.
package struct ExecRefusal: Error, CustomStringConvertible {
    /// The raw value is the HTTP status.
    package enum Code: Int, Sendable {
        case unreadable = 400
        case forbidden = 403
        case notHere = 404
        case notRunning = 409
        case failed = 500
        case busy = 503
    }

    package let code: Code
    package let description: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        description = reason
    }

    /// What the engine says to a command that it cannot make ready.
    init(_ error: ContainerError) {
        let code: Code =
            switch error.code {
            case .notFound, .conflict: .notRunning
            case .engine(status: 400..<500): .unreadable
            default: .failed
            }
        self.init(code, "\(error)")
    }
}

/// One of the places for commands, given back when nobody has it any more.
final class ExecPlace: Sendable {
    private let gate: Gate

    /// `nil` if all are taken.
    init?(in gate: Gate) {
        guard gate.enterAtOnce() else { return nil }
        self.gate = gate
    }

    deinit { gate.leave() }
}
