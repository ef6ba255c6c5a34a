import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct JobPerformerTests {
    private let engine = MemoryEngine()
    private let spec = LoopRig.spec(1)
    private var performer: JobPerformer { LoopRig.performer(engine) }

    private func create(_ performer: JobPerformer) async -> Outcome {
        await performer.perform(
            .create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: []),
            for: spec.id,
            portsInUse: []
        )
    }

    private func failure(_ outcome: Outcome) throws -> JobFailure {
        guard case .failed(let failure) = outcome else { throw ExecutorError("\(outcome) is no failure") }
        return failure
    }

    @Test func `a container whose creation was not heard of is taken as created`() async throws {
        engine.change { $0.losesCreateAnswer = true }
        #expect(try failure(await create(performer)).kind == .engineAway)
        let ids = engine.ids
        guard case .created(let id, let ports) = await create(performer) else {
            Issue.record("it was not adopted")
            return
        }
        #expect(ids == [id] && engine.created == 1)
        #expect(ports.map(\.hostPort) == engine.change { $0.containers[id]?.plan.ports.map(\.hostPort) ?? [] })
    }

    @Test func `a container that the engine is still about to make is waited for`() async throws {
        engine.change { $0.halfMade = 2 }
        guard case .created(let id, _) = await create(performer) else {
            Issue.record("it was not created")
            return
        }
        #expect(engine.ids == [id])
    }

    @Test func `someone else's container of that name is an error and stays`() async throws {
        let name = ContainerPlan.name(of: spec)
        let id = try await engine.create(ContainerPlan(name: name, image: "app:1", memoryMB: 1))
        #expect(try failure(await create(performer)).reason.contains(name))
        #expect(engine.ids == [id])
    }

    @Test func `ports are held until the container has started`() async throws {
        let performer = performer
        guard case .created(let id, let ports) = await create(performer) else {
            Issue.record("it was not created")
            return
        }
        let port = try #require(ports.first).hostPort
        // Whoever asks the kernel for any port does not get a held one; the engine, which names it, does.
        let others = try (0..<200).map { _ in
            try PortReservation(ports: spec.workload.exposedPorts, address: "127.0.0.1", excluding: [])
        }
        #expect(others.allSatisfy { $0.mappings[0].hostPort != port })
        #expect(await performer.perform(.start(id), for: spec.id, portsInUse: []) == .started)
        engine.end()
    }

    @Test func `the removal of another container of the instance leaves the ports held`() async throws {
        let performer = performer
        var spec = spec
        guard case .application(var application) = spec.workload else { preconditionFailure("it is an application") }
        // Nobody shares a UDP port.
        application.exposedPorts = [PortSpec(name: "main", port: 8_000, type: .udp)]
        spec.workload = .application(application)
        let job = Job.create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: [])
        guard case .created(let id, let ports) = await performer.perform(job, for: spec.id, portsInUse: []) else {
            Issue.record("it was not created")
            return
        }
        func take() throws {
            _ = try PortReservation(
                ports: application.exposedPorts,
                address: "127.0.0.1",
                excluding: [],
                again: ports
            )
        }
        #expect(await performer.perform(.remove(ContainerID("other")), for: spec.id, portsInUse: []) == .removed)
        #expect(throws: PortReservationError.self) { try take() }
        #expect(await performer.perform(.remove(id), for: spec.id, portsInUse: []) == .removed)
        try take()
    }

    @Test func `a port that is taken at the start fails it and removes the container`() async throws {
        let performer = performer
        guard case .created(let id, let ports) = await create(performer) else {
            Issue.record("it was not created")
            return
        }
        let port = try #require(ports.first)
        let thief = try #require(PublishedPortListener(port.hostPort))
        defer { thief.stop() }
        let outcome = await performer.perform(.start(id), for: spec.id, portsInUse: [])
        #expect(try failure(outcome).reason.contains("port is already allocated"))
        #expect(engine.ids.isEmpty)
    }

    @Test func `a container that has run before is started again, and kept while its port is taken`() async throws {
        let performer = performer
        guard case .created(let id, let ports) = await create(performer) else {
            Issue.record("it was not created")
            return
        }
        #expect(await performer.perform(.start(id), for: spec.id, portsInUse: []) == .started)
        engine.exit(id, code: 1)
        let port = try #require(ports.first).hostPort
        var thief: PublishedPortListener?
        // The port is free once the container's own listener has heard of its end.
        try await eventually("the port is taken") {
            thief = PublishedPortListener(port)
            return thief != nil
        }
        let outcome = await performer.perform(.start(id), for: spec.id, portsInUse: [])
        #expect(try failure(outcome).reason.contains("port is already allocated"))
        #expect(engine.ids == [id])
        thief?.stop()
        try await eventually("it runs again") {
            await performer.perform(.start(id), for: spec.id, portsInUse: []) == .started
        }
        engine.end()
    }

    @Test func `only what is missing is pulled`() async throws {
        // The registry has nothing, so a pull would fail.
        #expect(await pull("app:1") == .pulled)
        engine.change { $0.registry = ["new:1"] }
        #expect(await pull("new:1") == .pulled)
        #expect(engine.change { $0.images } == ["app:1", "new:1"])
    }

    @Test func `a local image will do when the registry fails`() async throws {
        engine.change { $0.sideload = "side:1" }
        #expect(await pull("side:1") == .pulled)
        #expect(try failure(await pull("none:1")).reason.contains("manifest unknown"))
    }

    private func pull(_ image: String) async -> Outcome {
        await performer.perform(.pull(image: image, timeout: .seconds(20)), for: spec.id, portsInUse: [])
    }

    @Test func `every job says so when the engine is away`() async throws {
        engine.setAway(true)
        let jobs: [Job] = [
            .pull(image: "app:1", timeout: .seconds(1)),
            .create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: []),
            .start(ContainerID("c1")),
            .stop(ContainerID("c1"), grace: .seconds(1)),
            .remove(ContainerID("c1")),
        ]
        for job in jobs {
            let failure = try failure(await performer.perform(job, for: spec.id, portsInUse: []))
            #expect(failure.kind == .engineAway, "\(job)")
            #expect(failure.reason.contains("there is no socket"))
        }
    }

    @Test func `an image that is gone is told apart, for it can be fetched again`() async throws {
        engine.change { $0.images = [] }
        let failure = try failure(await create(performer))
        #expect(failure.kind == .imageMissing)
        #expect(failure.reason.contains("No such image: app:1"))
    }

    @Test func `an instance takes its ports again, and no others`() async throws {
        let first = performer
        guard case .created(let id, let ports) = await create(first) else {
            Issue.record("it was not created")
            return
        }
        #expect(await first.perform(.remove(id), for: spec.id, portsInUse: []) == .removed)
        let again = Job.create(spec, created: WallTime(milliseconds: 7), epoch: 3, ports: ports)
        let owned = Set(ports.map(\.hostPort))
        guard case .created(let second, ports) = await performer.perform(again, for: spec.id, portsInUse: owned) else {
            Issue.record("it was not created with its ports")
            return
        }
        #expect(await performer.perform(.remove(second), for: spec.id, portsInUse: []) == .removed)
        let port = try #require(owned.first)
        let thief = try #require(PublishedPortListener(port))
        defer { thief.stop() }
        let refused = try failure(await performer.perform(again, for: spec.id, portsInUse: owned))
        #expect(refused.kind == .other)
        #expect(refused.reason.contains("cannot reserve a port on"))
        #expect(engine.ids.isEmpty)
    }

    @Test func `a host level service's container has the container's port on the host, or fails with the reason`()
        async throws
    {
        let free = try PortReservation(
            ports: [PortSpec(name: "main", port: 1)],
            address: "127.0.0.1",
            excluding: []
        )
        let port = try #require(free.mappings.first).hostPort
        guard case .application(var service) = spec.workload else { return }
        service.exposedPorts = [PortSpec(name: "main", port: port)]
        service.placementPolicy = .local(hostLevel: true)
        let local = InstanceSpec(
            id: InstanceID("SI-1"),
            workload: .localService(LocalServiceSpec(service)),
            allocation: spec.allocation
        )
        func create() async -> Outcome {
            await performer.perform(
                .create(local, created: WallTime(milliseconds: 7), epoch: 3, ports: []),
                for: local.id,
                portsInUse: []
            )
        }
        free.release()
        guard case .created(_, let ports) = await create() else {
            Issue.record("it was not created")
            return
        }
        #expect(ports.map(\.hostPort) == [port])
    }
}
