package import ApusAgent
import ApusClient
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
    /// How many containers are made, started or removed at once: twice as many as there are processors, 4 to 8; more only
    /// makes the engine slower.
    private static let engineLimit = min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 4), 8)
    /// Pulls and stops mostly wait, but no stop must ever wait for pulls: its grace would be over before its turn.
    private static let pullLimit = 64
    private static let stopLimit = 64
    /// Checks are quick.
    private static let checkLimit = 64
    /// For one step at the engine beside what a job itself allows.
    private static let engineDeadline = Duration.seconds(60)
    /// Before a name that the engine is about to give away, or to free, is asked for again.
    private static let pause = Duration.milliseconds(200)

    private let engine: any ContainerEngine
    private let host: ContainerHost
    /// Where published ports are reached from here.
    private let probeAddress: String
    private let access: HostAccess
    private let images: ImageKeeper
    private let logs: LogCapture?
    private let logger: Logger
    private let engineGate = Gate(limit: engineLimit)
    private let pullGate = Gate(limit: pullLimit)
    private let stopGate = Gate(limit: stopLimit)
    private let checkGate = Gate(limit: checkLimit)
    /// How long a check waits for its turn beyond its own time.
    private let checkPatience: Duration
    private let checkLoops: CheckLoops
    private let ports = HeldPorts()
    /// What containers made from now on are bound to.
    private let binding: Mutex<ContainerHost.Binding>

    /// `images` fetches images; without one they are fetched and none is remembered.
    ///
    /// `logs` writes the containers' output; `nil` writes none.
    ///
    /// `checkPatience` is a little less than that of the agent, who would give the check up.
    package init(
        engine: any ContainerEngine,
        host: ContainerHost,
        probeAddress: String,
        limits: LimitsFile = LimitsFile(),
        images: ImageKeeper? = nil,
        logs: LogCapture? = nil,
        checkPatience: Duration = .seconds(8),
        checkLoops: CheckLoops = .shared,
        logger: Logger
    ) {
        self.engine = engine
        access = HostAccess(limits: limits)
        self.images = images ?? ImageKeeper(engine: engine, logger: logger)
        self.checkPatience = checkPatience
        self.checkLoops = checkLoops
        self.logs = logs
        self.host = host
        binding = Mutex(host.binding)
        self.probeAddress = probeAddress
        self.logger = logger
    }

    /// Containers are bound like that from now on: the machine's cores have changed.
    package func bind(_ binding: ContainerHost.Binding) { self.binding.withLock { $0 = binding } }

    /// Does one job; never throws, and cancelled it still says how it ended.
    ///
    /// `portsInUse` are those of all instances: one that is down just now still owns its port. `spec` is the instance's,
    /// if it is known; `progress` is told how far a pull has come.
    package func perform(
        _ job: Job,
        for instance: InstanceID,
        of spec: InstanceSpec? = nil,
        portsInUse: Set<Int> = [],
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async -> Outcome {
        do {
            let outcome = try await work(job, for: instance, spec, portsInUse, progress)
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

    private func work(
        _ job: Job,
        for instance: InstanceID,
        _ spec: InstanceSpec?,
        _ portsInUse: Set<Int>,
        _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        switch job {
        case .pull(let image, let timeout):
            // Before anything is fetched for it.
            if let spec { _ = try await access.limits(for: spec) }
            return try await pullGate.pass { try await pull(image, timeout: timeout, for: instance, progress) }
        case .create(let spec, let created, let epoch, let ports):
            // Before its turn, which it must not take from others while a file system hangs.
            let grant = try await access.grant(to: spec)
            return try await engineGate.pass {
                try await within(Self.engineDeadline, doing: "creating a container for \(instance)") {
                    let plan = try self.plan(spec, created, epoch, ports, grant, portsInUse: portsInUse)
                    return try await self.create(plan.container, holding: plan.ports, for: spec.id)
                }
            }
        case .start(let container):
            // Whatever becomes of the start, the ports are the container's now or nobody's.
            defer { ports.release(container, of: instance) }
            // Its volumes may not be allowed any more.
            if let spec { try await giveConfigs(of: spec, to: container, try await access.grant(to: spec)) }
            // Ahead of those who are yet to be created: the sooner it runs, the sooner it is of use.
            return try await engineGate.pass(ahead: true) {
                try await within(Self.engineDeadline, doing: "starting container \(container)") {
                    try await self.start(container, of: instance)
                }
            }
        case .check(let mode, let container, let port, let timeout):
            return try await check(
                Check(mode: mode, container: container, port: port, timeout: timeout, loops: checkLoops)
            )
        case .stop(let container, let grace):
            ports.release(container, of: instance)
            return try await stopGate.pass {
                try await within(grace + Self.engineDeadline, doing: "stopping container \(container)") {
                    try await self.engine.stop(container, grace: grace)
                    return .stopped
                }
            }
        case .remove(let container):
            ports.release(container, of: instance)
            // What it wrote last would be gone with it. Before its turn: writing may wait for a disk.
            await logs?.drained(instance, of: container)
            return try await engineGate.pass {
                try await within(Self.engineDeadline, doing: "removing container \(container)") {
                    try await self.engine.remove(container, force: true, volumes: true)
                    return .removed
                }
            }
        }
    }

    private func check(_ check: Check) async throws -> Outcome {
        let asked = ContinuousClock.now
        do {
            return try await checkGate.pass(waitingAtMost: check.timeout + checkPatience, doing: "waiting for its turn")
            {
                try await check.run(engine, probeAddress: probeAddress, waited: ContinuousClock.now - asked)
            }
        } catch let error as DeadlinePassed {
            return .failed(JobFailure(.overloaded, reason: "this executor is too busy to judge: \(error)"))
        }
    }

    /// A pull's time is the user's: when it is over the engine may be well.
    private func pull(
        _ image: String,
        timeout: Duration,
        for instance: InstanceID,
        _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        do {
            try await within(timeout, doing: "fetching image \(image)") {
                try await self.images.fetch(image, for: instance, progress: progress)
            }
        } catch let error as DeadlinePassed {
            // Throws if it is the engine that does not answer.
            _ = try await engine.imageID(of: image)
            return .failed(JobFailure(.timedOut, reason: "\(error)"))
        } catch let error as ContainerError where error.code == .timedOut {
            _ = try await engine.imageID(of: image)
            return .failed(JobFailure(.timedOut, reason: "\(error)"))
        }
        return .pulled
    }

    /// Puts the configuration files into a container that has never run; one that has keeps those that it has.
    private func giveConfigs(
        of spec: InstanceSpec,
        to container: ContainerID,
        _ grant: HostAccess.Grant
    ) async throws {
        guard !spec.workload.configs.isEmpty,
            try await engine.container(named: container.rawValue).state == .created
        else { return }
        let archive = try await access.configs(of: spec, within: grant.limits)
        try await engineGate.pass(ahead: true) { try await engine.unpack(archive, in: container) }
    }

    /// The container to be made, with its ports held.
    private func plan(
        _ spec: InstanceSpec,
        _ created: WallTime,
        _ epoch: Epoch,
        _ owned: [PortMapping],
        _ grant: HostAccess.Grant,
        portsInUse: Set<Int>
    ) throws -> (container: ContainerPlan, ports: PortReservation) {
        let reservation = try PortReservation(
            ports: spec.workload.exposedPorts,
            address: host.publishedAddress,
            excluding: portsInUse,
            again: spec.workload.hostPorts ?? owned
        )
        var plan = ContainerPlan(
            instance: spec,
            ports: reservation.mappings,
            directories: grant.directories,
            host: host(for: spec),
            epoch: epoch,
            created: created
        )
        plan.keepsUser = grant.limits.keepsUser
        return (plan, reservation)
    }

    private func create(
        _ plan: ContainerPlan,
        holding ports: PortReservation,
        for instance: InstanceID
    ) async throws -> Outcome {
        while true {
            do {
                let container = try await engine.create(plan)
                self.ports.hold(ports, for: container, of: instance)
                return .created(container, ports.mappings)
            } catch let error as ContainerError where error.code == .nameInUse {
                if let adopted = try await adopt(plan.name, as: instance) { return adopted }
                // An earlier try is still under way at the engine: the job's own deadline ends the wait for it.
                try await Task.sleep(for: Self.pause)
            } catch let error as ContainerError where error.code == .imageMissing {
                return .failed(JobFailure(.imageMissing, reason: "\(error)"))
            }
        }
    }

    /// An earlier try made the container, though we did not hear of it; `nil` if it is not there yet, or no more.
    private func adopt(_ name: String, as instance: InstanceID) async throws -> Outcome? {
        let container: EngineContainer
        do {
            container = try await engine.container(named: name)
        } catch let error as ContainerError where error.code == .notFound {
            return nil
        }
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
        let reservation = ports.held(for: container, of: instance)
        reservation?.yieldToEngine()
        do {
            try await engine.start(container)
            return .started
        } catch let error as ContainerError where error.code == .portInUse && reservation != nil {
            // Its ports are part of it: it can never run. (One that has run before is not thrown away: whoever took
            // its ports meanwhile may go again.)
            do {
                try await engine.remove(container, force: true, volumes: true)
            } catch let failure as ContainerError {
                return .failed(JobFailure(.other, reason: "\(error); then \(failure)"))
            }
            return .failed(JobFailure(.other, reason: "\(error)"))
        }
    }

    /// With those variables of our own environment that the specification asks for, and no others.
    private func host(for spec: InstanceSpec) -> ContainerHost {
        var host = host
        host.binding = binding.withLock(\.self)
        for name in spec.workload.env.keys.sorted() where spec.workload.env[name] == "" {
            if let value = getenv(name) { host.environment[name] = String(cString: value) }
        }
        return host
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
