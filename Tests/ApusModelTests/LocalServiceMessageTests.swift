import ApusModel
import Testing

private let allocation = ResourceAllocation(numaNode: 0, cores: [5], memoryMB: 128)
private let service = Owner.localService(ServiceID("PROXY-1"))

private func spec() -> LocalServiceSpec {
    var spec = fullSpec(policy: .local(hostLevel: true))
    spec.type = .localService
    spec.exposureSpec = nil
    spec.resources = ResourceRequirements(cores: 1, memoryMB: 128)
    spec.resources.diskMB = 300
    return LocalServiceSpec(spec, isRequired: true)
}

private func command(_ order: NodeCommand.Order) -> NodeCommand {
    recordedCommand(order, Fence(epoch: 4, sequence: 7))
}

private let serving = InstanceReport(
    id: InstanceID("SI-1"),
    owner: service,
    appName: "PROXY",
    state: .healthy,
    allocation: allocation,
    ports: [PortMapping(name: "main", containerPort: 8000, hostPort: 8000, type: .http)],
    error: "",
    cause: nil,
    created: WallTime(milliseconds: 1),
    updated: WallTime(milliseconds: 2),
    revision: 3
)

private let described = NodeReport(
    identity: recordedIdentity,
    revision: 3,
    base: 0,
    instances: [serving],
    fence: Fence(epoch: 4, sequence: 7),
    description: NodeDescription(
        topology: Topology(
            nodes: [Topology.Node(id: 0, cores: [4, 5], memoryMB: 2048)],
            sharing: .pinned,
            quantities: [Topology.disk: 50_000]
        ),
        tags: ["ssd"],
        metadata: ["rack": "r1"],
        zone: "z1"
    ),
    load: NodeLoad(freeMemoryMB: 1500, freeCPU: 1750)
)

/// What version 4 added to the messages: local services, zones, disk, what is really free.
private let messages: [GoldenMessage] = [
    GoldenMessage(
        name: "command-start-service",
        json: command(
            .start(InstanceSpec(id: InstanceID("SI-1"), workload: .localService(spec()), allocation: allocation))
        ).json
    ) { try NodeCommand(json: $0).json },
    GoldenMessage(name: "command-suspend", json: command(.stop(InstanceID("SI-1"), .suspended)).json) {
        try NodeCommand(json: $0).json
    },
    GoldenMessage(name: "report-described", json: described.json) { try NodeReport(json: $0).json },
    GoldenMessage(name: "answer-service", json: CommandAnswer.accepted(serving).json) {
        try CommandAnswer(json: $0).json
    },
]

@Suite struct LocalServiceMessageTests {
    @Test(arguments: messages)
    func `a message is byte for byte what version 4 wrote`(_ message: GoldenMessage) throws {
        try message.expectUnchanged(since: 4)
    }

    @Test func `everything a report says of a machine and of a local service comes back`() throws {
        #expect(try NodeReport(json: described.json) == described)
    }
}
