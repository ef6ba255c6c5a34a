package import ApusAgent
import ApusContainers
package import ApusModel
package import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Does the agent's jobs at the container engine and at containers' ports; each has a deadline from when it begins.
package final class JobPerformer: Sendable {
    /// How many containers are made, started or removed at once: more only makes the engine slower.
    private static let engineLimit = 8
    /// Pulls and stops mostly wait; checks are quick.
    private static let waitingLimit = 64
    private static let checkLimit = 64
    /// For one step at the engine beside what a job itself allows.
    private static let engineDeadline = Duration.seconds(60)

    private let engine: any ContainerEngine
    private let host: ContainerHost
    /// Where published ports are reached from here.
    private let probeAddress: String
    private let logger: Logger
    private let engineGate = Gate(limit: engineLimit)
    private let waitingGate = Gate(limit: waitingLimit)
    private let checkGate = Gate(limit: checkLimit)
    /// Ports of containers that are made and not yet started.
    private let reserved = Mutex<[InstanceID: PortReservation]>([:])

    package init(engine: any ContainerEngine, host: ContainerHost, probeAddress: String, logger: Logger) {
        self.engine = engine
        self.host = host
        self.probeAddress = probeAddress
        self.logger = logger
    }

    /// Does one job; never throws, and cancelled it still says how it ended.
    ///
    /// `portsInUse` are those of all instances: one that is down just now still owns its port.
    package func perform(_ job: Job, for instance: InstanceID, portsInUse: Set<Int>) async -> Outcome {
        do {
            let outcome = try await work(job, for: instance, portsInUse: portsInUse)
            if case .failed(let failure) = outcome { note(failure, job, instance) }
            return outcome
        } catch is CancellationError {
            return .failed(JobFailure(.other, reason: "it was given up"))
        } catch {
            let failure = JobFailure(error)
            note(failure, job, instance)
            return .failed(failure)
        }
    }

    private func work(_ job: Job, for instance: InstanceID, portsInUse: Set<Int>) async throws -> Outcome {
        switch job {
        case .pull(let image, let timeout):
            return try await waitingGate.pass {
                try await within(timeout + Self.engineDeadline, doing: "fetching image \(image)") {
                    try await self.pull(image, timeout: timeout)
                }
            }
        case .create(let spec, let created, let epoch, _):
            return try await engineGate.pass {
                try await within(Self.engineDeadline, doing: "creating a container for \(instance)") {
                    try await self.create(spec, created: created, epoch: epoch, portsInUse: portsInUse)
                }
            }
        case .start(let container):
            // Whatever becomes of the start, the ports are the container's now or nobody's.
            defer { release(instance) }
            return try await engineGate.pass {
                try await within(Self.engineDeadline, doing: "starting container \(container)") {
                    try await self.start(container, of: instance)
                }
            }
        case .check(let mode, _, let port, let timeout):
            return try await checkGate.pass { try await self.check(mode, port, timeout) }
        case .stop(let container, let grace):
            release(instance)
            return try await waitingGate.pass {
                try await within(grace + Self.engineDeadline, doing: "stopping container \(container)") {
                    try await self.engine.stop(container, grace: grace)
                    return .stopped
                }
            }
        case .remove(let container):
            release(instance)
            return try await engineGate.pass {
                try await within(Self.engineDeadline, doing: "removing container \(container)") {
                    try await self.engine.remove(container, force: true, volumes: true)
                    return .removed
                }
            }
        }
    }

    /// Fetches what is not there.
    ///
    /// An image that came from elsewhere while we tried will do.
    private func pull(_ image: String, timeout: Duration) async throws -> Outcome {
        if try await engine.hasImage(image) { return .pulled }
        do {
            try await engine.pull(image, deadline: timeout)
        } catch let error as ContainerError {
            guard error.code != .unreachable, try await engine.hasImage(image) else {
                // A pull's time is the user's: the engine may be well.
                guard error.code == .timedOut else { throw error }
                return .failed(JobFailure(.timedOut, reason: "\(error)"))
            }
            logger.warning(
                "image could not be fetched, the local one is used",
                metadata: ["image": "\(image)", "error": "\(error)"]
            )
        }
        return .pulled
    }

    private func create(
        _ spec: InstanceSpec,
        created: WallTime,
        epoch: Epoch,
        portsInUse: Set<Int>
    ) async throws -> Outcome {
        let reservation = try PortReservation(
            ports: spec.workload.exposedPorts,
            address: host.publishedAddress,
            excluding: portsInUse
        )
        let plan = ContainerPlan(
            instance: spec,
            ports: reservation.mappings,
            host: host(for: spec),
            epoch: epoch,
            created: created
        )
        do {
            let container = try await engine.create(plan)
            reserved.withLock { $0[spec.id] = reservation }
            return .created(container, reservation.mappings)
        } catch let error as ContainerError where error.code == .nameInUse {
            return try await adopt(plan.name, as: spec.id, after: error)
        }
    }

    /// An earlier try made the container, though we did not hear of it.
    private func adopt(_ name: String, as instance: InstanceID, after error: ContainerError) async throws -> Outcome {
        let container = try await engine.container(named: name)
        let labels: ContainerLabels
        do throws(LabelFault) {
            labels = try ContainerLabels(reading: container.labels)
        } catch {
            throw ExecutorError(
                "container \(name) (\(container.id)) exists and is not known as ours: \(error). Remove or rename it"
            )
        }
        let isOurs =
            labels.cluster == host.identity.cluster && labels.executor == host.identity.id
            && labels.instance == instance
        guard isOurs else {
            throw ExecutorError(
                """
                container \(name) (\(container.id)) belongs to instance \(labels.instance) of executor \
                \(labels.executor) in cluster \(labels.cluster). Remove or rename it
                """
            )
        }
        return .created(container.id, labels.ports)
    }

    private func start(_ container: ContainerID, of instance: InstanceID) async throws -> Outcome {
        reserved.withLock { $0[instance] }?.yieldToEngine()
        do {
            try await engine.start(container)
            return .started
        } catch let error as ContainerError where error.code == .portInUse {
            // Its ports are part of it: it can never run.
            do {
                try await engine.remove(container, force: true, volumes: true)
            } catch let failure as ContainerError {
                return .failed(JobFailure(.other, reason: "\(error); then \(failure)"))
            }
            return .failed(JobFailure(.other, reason: "\(error)"))
        }
    }

    private func check(_ mode: CheckMode, _ port: PortMapping?, _ timeout: Duration) async throws -> Outcome {
        guard case .http(let check) = mode else {
            return .failed(JobFailure(.other, reason: "checks by command come with a later version of Apus"))
        }
        guard let port else {
            return .failed(JobFailure(.other, reason: "no port named \(check.portName) is published"))
        }
        let probe = HTTPProbe(check: check, address: probeAddress, port: port.hostPort, timeout: timeout)
        switch try await probe.run() {
        case .passed: return .passed
        case .failed(.connect, let reason): return .failed(JobFailure(.notListening, reason: reason))
        case .failed(.timeout, let reason): return .failed(JobFailure(.timedOut, reason: reason))
        case .failed(.status, let reason), .failed(.tls, let reason), .failed(.other, let reason):
            return .failed(JobFailure(.other, reason: reason))
        }
    }

    /// With those variables of our own environment that the specification asks for, and no others.
    private func host(for spec: InstanceSpec) -> ContainerHost {
        var host = host
        for name in spec.workload.env.keys.sorted() where spec.workload.env[name] == "" {
            if let value = getenv(name) { host.environment[name] = String(cString: value) }
        }
        return host
    }

    private func release(_ instance: InstanceID) {
        reserved.withLock { $0.removeValue(forKey: instance) }?.release()
    }

    private func note(_ failure: JobFailure, _ job: Job, _ instance: InstanceID) {
        // A check fails again and again while a program starts; the instance's own state tells of it.
        if case .check = job {
            logger.debug("check failed", metadata: ["instance.id": "\(instance)", "error": "\(failure.reason)"])
        } else {
            logger.warning("job failed", metadata: ["instance.id": "\(instance)", "error": "\(failure.reason)"])
        }
    }
}

extension JobFailure {
    /// What a thrown error means to the agent.
    fileprivate init(_ error: any Error) {
        let kind: Kind =
            switch error {
            case is DeadlinePassed: .engineAway
            case let error as ContainerError:
                // A deadline passed at the engine: it does not answer, and what it did is not known.
                [.unreachable, .timedOut].contains(error.code) ? .engineAway : .other
            default: .other
            }
        self.init(kind, reason: "\(error)")
    }
}
