import ApusModel
import Testing

private let allocation = ResourceAllocation(numaNode: 1, cores: [2, 3], memoryMB: 512)
private let task = TaskID(source: "SRC", name: "T1")

private func command(_ order: NodeCommand.Order) -> NodeCommand {
    recordedCommand(order, Fence(epoch: 3, sequence: 42))
}

private func spec() -> TaskSpec {
    TaskSpec(
        sourceAppName: "SRC",
        taskID: "T1",
        executable: Executable(url: "job:1", dockerPullTimeout: DurationText(100, .seconds)),
        volumes: [MountedVolume(pathInContainer: "/c", pathOnHost: "/h", mode: .readWrite)],
        resources: ResourceRequirements(cores: 2, memoryMB: 512),
        env: ["A": "b"],
        args: ["sh", "-c", "exit 3"],
        userSpec: UserSpec(user: "1000", group: "1000")
    )
}

private func report(_ state: InstanceState, _ cause: EndCause?) -> InstanceReport {
    InstanceReport(
        id: InstanceID("TI-1"),
        owner: .task(task),
        appName: "SRC",
        state: state,
        allocation: allocation,
        ports: [],
        error: cause == nil ? "" : "container exited with code 3",
        cause: cause,
        created: WallTime(milliseconds: 1),
        updated: WallTime(milliseconds: 2),
        revision: 7
    )
}

private func restarted() -> InstanceReport {
    InstanceReport(
        id: InstanceID("AI-1"),
        owner: .application(AppID("WEB-1")),
        appName: "WEB",
        state: .unready,
        allocation: allocation,
        ports: [PortMapping(name: "main", containerPort: 8000, hostPort: 30_000, type: .http)],
        error: "started again in place 2 times, last: container exited with code 1",
        cause: nil,
        created: WallTime(milliseconds: 1),
        updated: WallTime(milliseconds: 2),
        revision: 8,
        restarts: 2
    )
}

private let troubled = NodeReport(
    identity: NodeIdentity(
        cluster: ClusterID("C"),
        id: ExecutorID("E"),
        key: NodeKey("K"),
        incarnation: 2,
        hostname: "h",
        port: 11_000,
        transport: .http
    ),
    revision: 8,
    base: 6,
    instances: [report(.runCompleted, .exited(code: 3, outOfMemory: false)), restarted()],
    fence: Fence(epoch: 3, sequence: 41),
    description: nil,
    troubles: [Trouble(nil, "the container engine does not answer: connection refused")]
)

/// What version 3 added to the messages: tasks, restarts in place, troubles.
private let messages: [GoldenMessage] = [
    GoldenMessage(
        name: "command-start-task",
        json: command(.start(InstanceSpec(id: InstanceID("TI-1"), workload: .task(spec()), allocation: allocation)))
            .json
    ) { try NodeCommand(json: $0).json },
    GoldenMessage(name: "command-kill-task", json: command(.stop(InstanceID("TI-1"), .killed)).json) {
        try NodeCommand(json: $0).json
    },
    GoldenMessage(name: "report-troubled", json: troubled.json) { try NodeReport(json: $0).json },
    GoldenMessage(name: "answer-task", json: CommandAnswer.accepted(report(.running, nil)).json) {
        try CommandAnswer(json: $0).json
    },
]

@Suite struct TaskMessageTests {
    @Test(arguments: messages)
    func `a message is byte for byte what version 3 wrote`(_ message: GoldenMessage) throws {
        try message.expectUnchanged(since: 3)
    }

    @Test func `everything a report says of a task comes back`() throws {
        #expect(try NodeReport(json: troubled.json) == troubled)
        #expect(
            try NodeCommand(json: messages[0].json).order
                == command(
                    .start(
                        InstanceSpec(id: InstanceID("TI-1"), workload: .task(spec()), allocation: allocation)
                    )
                ).order
        )
    }

    @Test(arguments: CheckFault.allCases)
    func `the fault of a check comes back with its cause`(_ fault: CheckFault) throws {
        #expect(try EndCause(json: EndCause.healthFailed(fault).json) == .healthFailed(fault))
        #expect(try EndCause(json: EndCause.readinessFailed(fault).json) == .readinessFailed(fault))
    }

    @Test func `causes of the first version, which name no fault, are read`() throws {
        #expect(try EndCause(json: ["kind": "HEALTH_FAILED"]) == .healthFailed(.other))
    }
}
