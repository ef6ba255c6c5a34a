import ApusAgent
import ApusContainers
import ApusController
import ApusEngine
import ApusModel
import ApusStore

extension FuzzTarget {
    /// What nodes say to each other and keep.
    static func messages(_ corpus: Corpus) -> [FuzzTarget] {
        [
            json(
                "node-report",
                corpus,
                read: { try NodeReport(json: $0).withinLimits() },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            json("report-answer", corpus, read: { try ReportAnswer(json: $0) }, write: \.json, isSame: { $0 == $1 }),
            json("node-command", corpus, read: { try NodeCommand(json: $0) }, write: \.json, isSame: { $0 == $1 }),
            json(
                "command-answer",
                corpus,
                read: { try CommandAnswer(json: $0).withinLimits() },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            json(
                "instance-usage",
                corpus,
                [#"{"instanceId":"AI-1","cpu":1500,"memoryBytes":4096,"ageMilliseconds":7}"#],
                read: { try InstanceUsage(json: $0) },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            json(
                "journal-record",
                corpus,
                Samples.journalRecords,
                read: { try JournalRecord(json: $0) },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            json(
                "container-labels",
                corpus,
                read: { json in
                    guard case .object(let members) = json else { throw JSONError("no labels") }
                    let labels = try JSON.members(["labels": .object(members)]).stringMap("labels")
                    return try ContainerLabels(reading: labels)
                },
                write: { .strings($0.dictionary) },
                isSame: { $0 == $1 }
            ),
            once("exec-frames", execFrames) { bytes in
                var (frames, reader, rest) = ([ExecFrame](), ExecFrames(), bytes[...])
                while !rest.isEmpty {
                    frames += try reader.take(rest.prefix(7))
                    rest = rest.dropFirst(7)
                }
                for frame in frames {
                    // A long one is cut.
                    if case .error = frame { continue }
                    var again = ExecFrames()
                    guard try again.take(frame.bytes) == [frame] else { throw Broken("another frame than \(frame)") }
                }
                return !frames.isEmpty
            },
        ]
    }

    private static let execFrames: [String] = [
        [.stdin([104, 105, 10]), .stdinEnd], [.stdout([0, 1]), .stderr([2]), .exit(code: 3)],
        [.resize(rows: 24, columns: 80), .heartbeat, .taken(bytes: 5), .error("it failed")],
    ].map { (frames: [ExecFrame]) in String(decoding: frames.flatMap(\.bytes), as: UTF8.self) }

    /// What the leader's store holds.
    static func records(_ corpus: Corpus) -> [FuzzTarget] {
        let start = Moment.zero
        return [
            json(
                "record-application",
                corpus,
                [Samples.applicationRecord],
                read: { try Application(record: $0, resumed: start) },
                write: { $0.record(at: start) }
            ),
            json(
                "record-local-service",
                corpus,
                [Samples.serviceRecord],
                read: { try LocalService(record: $0, resumed: start) },
                write: { $0.record(at: start) }
            ),
            json(
                "record-task",
                corpus,
                [Samples.taskRecord],
                read: { try TaskRun.reading(record: $0, resumed: start) },
                write: { $0.0.record(live: $0.1, at: start) }
            ),
            json("record-member", corpus, [Samples.member], read: { try Member(record: $0) }, write: \.record),
            json(
                "record-hints",
                corpus,
                [Samples.hints],
                read: { try Instance.hints(record: $0) },
                write: { instances in
                    .members([
                        "executor": instances.first?.executor.json ?? "E", "instances": .array(instances.map(\.hint)),
                    ])
                }
            ),
            once("record-ended", corpus, [Samples.endedPage]) { _ = try EndedHistory.Page(record: $0) },
            json(
                "record-facts",
                corpus,
                [Samples.factsRecord],
                read: { try ClusterFacts(record: $0) },
                write: \.record
            ),
            json("record-users", corpus, [Samples.users], read: { try Users(record: $0) }, write: \.record),
            json("record-tokens", corpus, [Samples.tokens], read: { try InstanceTokens(record: $0) }, write: \.record),
            json("record-audit", corpus, [Samples.auditRecord], read: { try AuditRecord(json: $0) }, write: \.json),
        ]
    }
}
