import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Testing

@Suite(.timeLimit(.minutes(2)))
struct AgentLoopTests {
    private func rig() throws -> LoopRig { try LoopRig() }
    private let spec = LoopRig.spec(1)

    private func isAccepted(_ reply: CommandDesk.Reply) -> Bool {
        if case .answered(.accepted) = reply { true } else { false }
    }

    @Test func `a START becomes a healthy instance that is journalled and answers`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        try await rig.life { life in
            let empty = life.journal.length
            #expect(isAccepted(await life.start(spec)))
            // The answer came, so the record is durable.
            #expect(life.journal.length > empty)
            try await rig.eventually(.healthy, spec.id)
            #expect(rig.engine.names == ["app-1-AI-1"])
            let port = try #require(rig.leader.instance(spec.id)?.ports.first)
            let probe = HTTPProbe(
                check: HTTPCheck(portName: "main", path: "/"),
                port: port.hostPort,
                timeout: .seconds(20)
            )
            #expect(try await probe.run() == .passed)
        }
    }

    @Test func `an exit is seen at once and the container removed`() async throws {
        let rig = try rig()
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
            for id in rig.engine.ids { rig.engine.exit(id, code: 3) }
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.leader.instance(spec.id)?.cause == .exited(code: 3, outOfMemory: false))
            #expect(rig.engine.ids.isEmpty)
        }
    }

    @Test func `exits that nobody told are found after a break of the events`() async throws {
        let rig = try rig()
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
            for id in rig.engine.ids { rig.engine.exit(id, code: 4, isTold: false) }
            rig.engine.breakEvents()
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.leader.instance(spec.id)?.cause == .exited(code: 4, outOfMemory: false))
        }
    }

    @Test func `a STOP leaves nothing behind`() async throws {
        let rig = try rig()
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
            #expect(isAccepted(await life.stop(spec.id)))
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.engine.ids.isEmpty)
        }
    }

    @Test func `a sick instance is taken down with its reason`() async throws {
        let rig = try rig()
        rig.engine.change { $0.isSick = true }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.leader.instance(spec.id)?.cause == .readinessFailed(.status))
            #expect(rig.leader.instance(spec.id)?.error.contains("503") == true)
            #expect(rig.engine.ids.isEmpty)
        }
    }

    @Test func `an image that is nowhere is a failed instance with the engine's reason`() async throws {
        let rig = try rig()
        let spec = LoopRig.spec(1, image: "nowhere:1")
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.leader.instance(spec.id)?.cause == .pullFailed)
            #expect(rig.leader.instance(spec.id)?.error.contains("manifest unknown") == true)
        }
    }

    @Test func `a restart finds the same containers and makes none`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
        }
        let ids = rig.engine.ids
        let ports = rig.leader.instance(spec.id)?.ports
        for _ in 0..<3 {
            try await rig.life { _ in
                // It is not healthy before the new life has looked for itself.
                let last = rig.leader.instance(spec.id)?.updated
                try await eventually("a new report") { rig.leader.instance(spec.id)?.updated != last }
                try await rig.eventually(.healthy, spec.id)
            }
        }
        #expect(rig.engine.ids == ids)
        #expect(rig.engine.created == 1)
        #expect(rig.leader.instance(spec.id)?.ports == ports)
    }

    @Test func `without its journal an executor finds its containers by their labels`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
        }
        try rig.scratch.put([])
        try await rig.life { life in
            let last = rig.leader.instance(spec.id)?.updated
            try await eventually("a new report") { rig.leader.instance(spec.id)?.updated != last }
            try await rig.eventually(.healthy, spec.id)
            #expect(rig.engine.created == 1)
            #expect(isAccepted(await life.stop(spec.id)))
            try await rig.eventually(.stopped, spec.id)
            #expect(rig.engine.ids.isEmpty)
        }
    }

    @Test func `an engine that is away at the start is waited for`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
        }
        rig.engine.setAway(true)
        try await rig.life { _ in
            try await rig.eventually(.unknown, spec.id)
            rig.engine.setAway(false)
            try await rig.eventually(.healthy, spec.id)
        }
        #expect(rig.engine.created == 1)
    }

    @Test func `nobody else's container is touched`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        var foreign = ContainerPlan(name: "someone", image: "app:1", memoryMB: 1)
        let plain = try await rig.engine.create(foreign)
        foreign.name = "other-executor"
        foreign.labels = ContainerLabels.selection(cluster: LoopRig.identity.cluster, executor: ExecutorID("other"))
        let other = try await rig.engine.create(foreign)
        foreign.name = "damaged"
        foreign.labels = ContainerLabels.selection(
            cluster: LoopRig.identity.cluster,
            executor: LoopRig.identity.id
        )
        let damaged = try await rig.engine.create(foreign)
        for id in [plain, other, damaged] { try await rig.engine.start(id) }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
            rig.engine.breakEvents()
            _ = await life.stop(spec.id)
            try await rig.eventually(.stopped, spec.id)
        }
        let states = rig.engine.change { $0.containers.mapValues(\.state) }
        #expect(states == [plain: .running, other: .running, damaged: .running])
    }

    @Test func `a journal that cannot be written takes no starts and lets stops through`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        try await rig.life { life in
            _ = await life.start(spec)
            try await rig.eventually(.healthy, spec.id)
            life.journal.close()
            #expect(await life.start(LoopRig.spec(2)) == .unrecorded)
            #expect(rig.engine.created == 1)
            _ = await life.stop(spec.id)
            // That it has ended cannot be written down, so it is not told.
            try await rig.eventually(.deprovisioning, spec.id)
            try await eventually("the container is removed") { rig.engine.ids.isEmpty }
        }
    }

    @Test func `thirty instances start with ports of their own, eight at a time`() async throws {
        let rig = try rig()
        defer { rig.engine.end() }
        let specs = (0..<30).map { LoopRig.spec($0) }
        try await rig.life { life in
            // In order, as an outbox sends them: a command that was overtaken is refused by its fence.
            for spec in specs { #expect(isAccepted(await life.start(spec))) }
            for spec in specs { try await rig.eventually(.healthy, spec.id) }
        }
        let ports = specs.compactMap { rig.leader.instance($0.id)?.ports.first?.hostPort }
        #expect(Set(ports).count == 30)
        #expect(rig.engine.change { $0.busiest } <= 8)
        #expect(rig.engine.created == 30)
    }
}
