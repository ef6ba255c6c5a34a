import ApusModel
import Testing

private let allocation = ResourceAllocation(numaNode: 0, cores: [5], memoryMB: 128)

private let start: NodeCommand = {
    var spec = InstanceSpec(id: InstanceID("AI-1"), spec: fullSpec(policy: .any), allocation: allocation)
    spec.token = "head.body.signature"
    return recordedCommand(.start(spec), Fence(epoch: 5, sequence: 9))
}()

private let pulling = InstanceReport(
    id: InstanceID("AI-1"),
    owner: .application(AppID("FULL-1-2_3")),
    appName: "FULL",
    state: .provisioning,
    allocation: allocation,
    ports: [],
    error: "",
    cause: nil,
    created: WallTime(milliseconds: 1),
    updated: WallTime(milliseconds: 2),
    revision: 3,
    progress: "fetching full:1: 12 of 40 MB"
)

private let report: NodeReport = {
    var report = NodeReport(
        identity: recordedIdentity,
        revision: 3,
        base: 0,
        instances: [pulling],
        fence: Fence(epoch: 5, sequence: 9),
        description: NodeDescription(
            topology: Topology(
                nodes: [Topology.Node(id: 0, cores: [4, 5], memoryMB: 2048, siblings: [[4, 5]])],
                sharing: .pinned,
                memoryMultiplier: 2
            ),
            tags: [],
            metadata: [:]
        ),
        troubles: [Trouble(nil, "its clock is 3 s off the leader's")]
    )
    var load = NodeLoad(freeMemoryMB: 1500, freeCPU: 1750)
    load.totalMemoryMB = 4096
    load.processors = 4
    report.load = load
    report.warnings = ["the output of one container cannot be written now"]
    report.quarantine = Quarantine([
        Quarantine.Entry(container: ContainerID("c1"), name: "forged", reason: "the label apus.instance is missing")
    ])
    return report
}()

/// What version 7 added: which channel fails.
private let channels: NodeReport = {
    var report = report
    report.troubles = [
        Trouble(.storage, "no space left"), Trouble(nil, "something else"),
        Trouble(.clock, "its clock is 3 s off the leader's"),
    ]
    return report
}()

private let answer: ReportAnswer = {
    var answer = ReportAnswer(verdict: .applied, epoch: 5, canCommit: true, applied: 3, settled: [], reason: "")
    answer.wall = WallTime(milliseconds: 1_795_257_757_000)
    return answer
}()

/// What version 5 added to the messages: tokens, progress, warnings, what is left alone, the whole machine, the leader's
/// time.
private let messages: [GoldenMessage] = [
    GoldenMessage(name: "command-start-token", json: start.json) { try NodeCommand(json: $0).json },
    GoldenMessage(name: "report-whole", json: report.json) { try NodeReport(json: $0).json },
    GoldenMessage(name: "report-answer-timed", json: answer.json) { try ReportAnswer(json: $0).json },
]

@Suite struct ExecutorMessageTests {
    @Test(arguments: messages)
    func `a message is byte for byte what version 5 wrote`(_ message: GoldenMessage) throws {
        try message.expectUnchanged(since: 5)
    }

    @Test func `a report with channels is byte for byte what version 7 wrote`() throws {
        try GoldenMessage(name: "report-channels", json: channels.json) { try NodeReport(json: $0).json }
            .expectUnchanged(since: 7)
    }

    @Test func `which channel fails is told beside the texts that earlier versions read`() throws {
        let told = channels
        #expect(told.json["troubles"] == ["no space left", "something else", "its clock is 3 s off the leader's"])
        #expect(try NodeReport(json: told.json) == told)
        #expect(told.troubles.channels == [.storage, .clock])
        let later = told.json.serialized.replacing(#""STORAGE""#, with: #""MOON""#)
        #expect(try NodeReport(json: JSON(parsing: later)).troubles.map(\.channel) == [nil, nil, .clock])
    }

    @Test func `everything an executor says of itself comes back`() throws {
        #expect(try NodeReport(json: report.json) == report)
        #expect(try NodeCommand(json: start.json) == start)
        #expect(try ReportAnswer(json: answer.json) == answer)
    }
}
