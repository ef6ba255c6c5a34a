import ApusModel
import Foundation
import Testing

private let cluster = ClusterID("c1")
private let executor = ExecutorID("93b6b6f3-c7c8-3824-afc9-cb6d0b32454c")
private let key = NodeKey("k1")
private let fence = Fence(epoch: 3, sequence: 41)
private let allocation = ResourceAllocation(numaNode: 1, cores: [2, 3], memoryMB: 512)
private let healthy = InstanceReport(
    id: InstanceID("AI-1"),
    owner: .application(AppID("FULL-1-2_3")),
    appName: "FULL",
    state: .healthy,
    allocation: allocation,
    ports: [PortMapping(name: "main", containerPort: 8000, hostPort: 33857, type: .http)],
    error: "",
    cause: nil,
    created: WallTime(milliseconds: 1_753_000_010_000),
    updated: WallTime(milliseconds: 1_753_000_095_000),
    revision: 7
)
private let ended = InstanceReport(
    id: InstanceID("AI-2"),
    owner: .application(AppID("FULL-1-2_3")),
    appName: "FULL",
    state: .stopped,
    allocation: allocation,
    ports: [],
    error: "exited with code 137: out of memory",
    cause: .exited(code: 137, outOfMemory: true),
    created: WallTime(milliseconds: 1),
    updated: WallTime(milliseconds: 2),
    revision: 8
)
private let identity = NodeIdentity(
    cluster: cluster,
    id: executor,
    key: key,
    incarnation: 2,
    hostname: "node1",
    port: 11000,
    transport: .http
)
private let description = NodeDescription(
    topology: Topology(
        nodes: [Topology.Node(id: 0, cores: [0, 1], memoryMB: 4096)],
        sharing: .shared(multiplier: 8),
        quantities: ["disk": 100, "bandwidth": 9]
    ),
    tags: ["gpu"],
    metadata: ["zone": "z1"]
)
private let report = NodeReport(
    identity: identity,
    revision: 8,
    base: 0,
    instances: [healthy, ended],
    fence: fence,
    description: description
)
private let heartbeat = NodeReport(
    identity: identity,
    revision: 8,
    base: 8,
    instances: [],
    fence: nil,
    description: nil
)
private let answer = ReportAnswer(
    verdict: .applied,
    epoch: 3,
    canCommit: true,
    applied: 8,
    settled: [InstanceID("AI-2")],
    reason: ""
)
private let start = NodeCommand(
    cluster: cluster,
    executor: executor,
    key: key,
    fence: fence,
    order: .start(InstanceSpec(id: InstanceID("AI-3"), spec: fullSpec(policy: recordedPolicy), allocation: allocation))
)
private let stop = NodeCommand(
    cluster: cluster,
    executor: executor,
    key: key,
    fence: fence,
    order: .stop(InstanceID("AI-1"), .scaledDown)
)

/// A message, its file of a released version, and how it is read.
struct GoldenMessage: Sendable, CustomTestStringConvertible {
    var name: String
    var json: JSON
    /// Reads a text and writes it again.
    var again: @Sendable (JSON) throws -> JSON

    var testDescription: String { name }

    /// It is written, and read and written again, byte for byte as that version wrote it.
    ///
    /// With `APUS_RECORD_GOLDEN=1` one that has no file yet gets it: read it before it is committed.
    func expectUnchanged(since version: Int) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Golden/\(version)/messages/\(name).json")
        let isRecording = ProcessInfo.processInfo.environment["APUS_RECORD_GOLDEN"] == "1"
        if isRecording, !FileManager.default.fileExists(atPath: file.path) {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try "\(json.serialized)\n".write(to: file, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(json.serialized + "\n" == golden)
        #expect(try again(JSON(parsing: golden)).serialized + "\n" == golden)
    }

    static let all: [GoldenMessage] = [
        GoldenMessage(name: "report-full", json: report.json) { try NodeReport(json: $0).json },
        GoldenMessage(name: "report-heartbeat", json: heartbeat.json) { try NodeReport(json: $0).json },
        GoldenMessage(name: "report-answer", json: answer.json) { try ReportAnswer(json: $0).json },
        GoldenMessage(name: "command-start", json: start.json) { try NodeCommand(json: $0).json },
        GoldenMessage(name: "command-stop", json: stop.json) { try NodeCommand(json: $0).json },
        GoldenMessage(name: "answer-accepted", json: CommandAnswer.accepted(healthy).json) {
            try CommandAnswer(json: $0).json
        },
        GoldenMessage(name: "answer-unheard-of", json: CommandAnswer.accepted(nil).json) {
            try CommandAnswer(json: $0).json
        },
        GoldenMessage(
            name: "answer-refused",
            json: CommandAnswer.refused(.staleFence, reason: "41 is not above 42").json
        ) { try CommandAnswer(json: $0).json },
    ]
}

@Suite struct NodeMessageTests {
    @Test(arguments: GoldenMessage.all)
    func `a message is byte for byte what version 2 wrote`(_ message: GoldenMessage) throws {
        try message.expectUnchanged(since: 2)
    }

    @Test func `what instances use is byte for byte what version 6 wrote`() throws {
        let usage = InstanceUsage(
            instance: InstanceID("AI-1"),
            cpu: 1_500,
            memoryBytes: 1 << 33,
            ageMilliseconds: 7
        )
        try GoldenMessage(name: "instance-usage", json: usage.json) { try InstanceUsage(json: $0).json }
            .expectUnchanged(since: 6)
    }

    @Test func `what instances use is taken within bounds`() {
        let beyond: [JSON] = [
            ["cpu": -1], ["cpu": .integer(.max)], ["memoryBytes": .integer(.max)], ["ageMilliseconds": .integer(.min)],
        ]
        for members in beyond {
            guard case .object(let members) = members else { continue }
            let json = JSON.object([JSON.Member("instanceId", "AI-1")] + members)
            #expect(throws: JSONError.self, "\(json.serialized)") { try InstanceUsage(json: json) }
        }
    }

    @Test func `an executor's answer to a command has the measure of its reports`() throws {
        for answer in [CommandAnswer.accepted(healthy), .accepted(nil), .refused(.staleFence, reason: "late")] {
            #expect(try answer.withinLimits() == answer)
        }
        var long = healthy
        long.error = String(repeating: "x", count: 5_000)
        let clipped = long.error.clipped(toBytes: 1024)
        guard case .accepted(let taken?) = try CommandAnswer.accepted(long).withinLimits() else {
            Issue.record("it is not accepted any more")
            return
        }
        #expect(taken.error == clipped)
        let refused = try CommandAnswer.refused(.unsupported, reason: long.error).withinLimits()
        #expect(refused == .refused(.unsupported, reason: clipped))
        let beyond: [(inout InstanceReport) -> Void] = [
            { $0.restarts = .min }, { $0.restarts = .max }, { $0.allocation.cores = [1 << 40] },
            { $0.allocation.memoryMB = -1 }, { $0.updated = WallTime(milliseconds: .min) },
            { $0.ports = Array(repeating: $0.ports[0], count: 10_000) },
        ]
        for change in beyond {
            var wrong = healthy
            change(&wrong)
            #expect(throws: JSONError.self) { try CommandAnswer.accepted(wrong).withinLimits() }
        }
    }

    @Test func `what is free on an executor is said with its report, within bounds`() throws {
        var loaded = heartbeat
        loaded.load = NodeLoad(freeMemoryMB: 512, freeCPU: 1500)
        #expect(try NodeReport(json: loaded.json) == loaded)
        #expect(throws: Never.self) { try loaded.checkLimits() }
        loaded.load = NodeLoad(freeMemoryMB: 512, freeCPU: -1)
        #expect(throws: JSONError("load.freeCPU must be 0 to 65536000, not -1")) { try loaded.checkLimits() }
        loaded.load = NodeLoad(freeMemoryMB: 1 << 41, freeCPU: 0)
        #expect(throws: JSONError.self) { try loaded.checkLimits() }
    }

    @Test func `how much disk a machine has and has free comes back, within bounds, and an earlier version lacks it`()
        throws
    {
        var load = NodeLoad(freeMemoryMB: 512, freeCPU: 1500)
        #expect(!load.json.serialized.contains("Disk"))
        (load.totalDiskMB, load.freeDiskMB) = (40_000, 10_000)
        #expect(try NodeLoad(json: load.json) == load)
        #expect(throws: Never.self) { try load.checkLimits() }
        let wrong: [(WritableKeyPath<NodeLoad, Int64?>, String)] = [
            (\.totalDiskMB, "load.totalDiskMB"), (\.freeDiskMB, "load.freeDiskMB"),
            (\.totalMemoryMB, "load.totalMemoryMB"),
        ]
        for (number, name) in wrong {
            for value: Int64 in [-1, 1 << 41] {
                var other = load
                other[keyPath: number] = value
                let refusal = #expect(throws: JSONError.self) { try other.checkLimits() }
                #expect(refusal?.message.hasPrefix("\(name) must be 0 to ") == true)
            }
        }
    }

    @Test
    func `threads, multipliers, the leader's time and what is left alone come back, and an earlier version lacks them`()
        throws
    {
        let machine = Topology(
            nodes: [Topology.Node(id: 0, cores: [0, 1, 2], memoryMB: 4096, siblings: [[0, 2]])],
            sharing: .pinned,
            memoryMultiplier: 2
        )
        #expect(try Topology(json: machine.json) == machine)
        #expect(!description.topology.json.serialized.contains("siblings"))
        var timed = answer
        timed.wall = WallTime(milliseconds: 5)
        #expect(try ReportAnswer(json: timed.json) == timed)
        var report = heartbeat
        let entries = (0..<100).map { number in
            Quarantine.Entry(
                container: ContainerID("c\(number)"),
                name: "name",
                reason: String(repeating: "x", count: 1000)
            )
        }
        report.quarantine = Quarantine(entries)
        #expect(try NodeReport(json: report.json) == report)
        #expect(report.quarantine?.count == 100)
        #expect(report.quarantine?.named.count == Quarantine.mostNamed)
        #expect(report.json.bytes.count < 20_000)
    }

    @Test(arguments: GoldenMessage.all)
    func `members that are not known are left aside, a later schema is refused`(_ message: GoldenMessage) throws {
        #expect(message.json.serialized.hasPrefix(#"{"schema":1,"#))
        #expect(try message.again(message.json.with("novelty", ["a": 1])) == message.json)
        let refusal = #expect(throws: JSONError.self) { try message.again(message.json.with("schema", 2)) }
        #expect(refusal?.message.hasPrefix("schema 2 is of a later version of Apus") == true)
        #expect(throws: JSONError("schema is missing")) { try message.again(message.json.with("schema", nil)) }
        #expect(throws: JSONError.self) { try message.again(message.json.with("schema", 0)) }
        #expect(throws: JSONError.self) { try message.again(.null) }
    }

    @Test func `every message comes back the same`() throws {
        #expect(try NodeReport(json: report.json) == report)
        #expect(try NodeReport(json: heartbeat.json) == heartbeat)
        #expect(try ReportAnswer(json: answer.json) == answer)
        #expect(try NodeCommand(json: start.json) == start)
        #expect(try NodeCommand(json: stop.json) == stop)
        #expect(start.instance == InstanceID("AI-3") && stop.instance == InstanceID("AI-1"))
        for answer in [CommandAnswer.accepted(ended), .accepted(nil), .refused(.resourcesHeld, reason: "core 2")] {
            #expect(try CommandAnswer(json: answer.json) == answer)
        }
    }

    @Test(arguments: [
        EndCause.stopped(.destroyed), .exited(code: -1, outOfMemory: false), .pullFailed, .startFailed,
        .readinessFailed(.connect), .healthFailed(.status), .unplaceable, .refused, .executorLost,
    ])
    func `every cause of an end comes back the same`(_ cause: EndCause) throws {
        var instance = ended
        instance.cause = cause
        #expect(try InstanceReport(json: instance.json) == instance)
    }

    @Test func `words we do not know fall back or are refused`() throws {
        #expect(try InstanceReport(json: healthy.json.with("state", "PAUSED")).state == .unknown)
        #expect(
            try NodeCommand(json: stop.json.with("order.reason", "WHIM")).order == .stop(InstanceID("AI-1"), .unknown)
        )
        let refused = CommandAnswer.refused(.staleFence, reason: "r").json
        #expect(
            try CommandAnswer(json: refused.with("refusal", "TOO_HOT")) == .refused(.unsupported, reason: "r")
        )
        #expect(throws: JSONError("order PAUSE is not known")) {
            try NodeCommand(json: stop.json.with("order.type", "PAUSE"))
        }
        #expect(throws: JSONError("verdict MAYBE is not known")) {
            try ReportAnswer(json: answer.json.with("verdict", "MAYBE"))
        }
        #expect(throws: JSONError("transport SMOKE is not known")) {
            try NodeIdentity(json: identity.json.with("transport", "SMOKE"))
        }
        #expect(throws: JSONError.self) {
            try NodeDescription(json: description.json.with("topology.sharedMultiplier", -1))
        }
    }

    @Test func `any member missing or of another kind is an error and no trap`() throws {
        for message in GoldenMessage.all {
            guard case .object(let members) = message.json else { continue }
            for member in members {
                for wrong: JSON in [.null, [], [:], "x", -1, true, .number(0.5), [.null], [[:]]] {
                    _ = Result { try message.again(message.json.with(member.key, wrong)) }
                }
            }
        }
    }
}
