import ApusClient
import ApusModel
import Testing

/// A task is asked for once and followed to its end, whatever the controller goes through meanwhile.
@Suite struct TaskWatchTests {
    private typealias Answer = AnsweringServer.Answer
    private static let task = TaskID(source: "BATCH", name: "T1")
    private static let accepted = Answer(
        body: #"{"status":"SUCCESS","data":{"taskId":"BATCH-T1"},"message":"success"}"#
    )
    private static let unknown = Answer(body: #"{"status":"FAILED","message":"No such task instance BATCH/T1"}"#)
    private static let exists = Answer(
        status: 400,
        body:
            #"{"status":"FAILED","data":{"validationErrors":["Task already exists for BATCH/T1 with taskID: BATCH-T1"]}}"#
    )
    private static let silence = Answer()
    private static let notLeading = Answer(
        status: 400,
        body: #"{"status":"FAILED","message":"This node is not the leader controller"}"#
    )

    private static func shown(_ state: String, _ rest: String = #""errorMessage":"""#) -> Answer {
        let body =
            #"{"status":"SUCCESS","data":{"sourceAppName":"BATCH","taskId":"T1","instanceId":"TI-1","hostname":"node1","#
            + #""executable":{"type":"DOCKER","url":"job:1"},"state":"\#(state)",\#(rest),"created":1,"updated":2}}"#
        return Answer(body: body)
    }

    private static func watch(_ server: AnsweringServer, _ limit: Duration = .seconds(30)) -> TaskWatch {
        TaskWatch(
            task,
            APIClient(endpoint: server.url),
            patience: Patience(limit, interval: .milliseconds(2))
        )
    }

    private static func withServer(_ answers: [Answer], _ body: (AnsweringServer) async throws -> Void) async throws {
        let server = try AnsweringServer(answers)
        defer { server.stop() }
        try await body(server)
    }

    // MARK: the end

    @Test func `each change of state is shown once, through a restart of the controller`() async throws {
        let end = Self.shown("STOPPED", #""taskResult":{"status":"FAILED","exitCode":3},"errorMessage":"exit code 3""#)
        let answers = [
            Self.shown("RUNNING"), Self.shown("RUNNING"), Self.silence, Self.notLeading, Self.shown("RUNNING"), end,
        ]
        try await Self.withServer(answers) { server in
            var lines: [String] = []
            let task = try await Self.watch(server).end { lines.append($0) }
            #expect(task.exitCode == 3)
            #expect(lines.first == "BATCH/T1: RUNNING on node1")
            #expect(lines.last == "BATCH/T1: STOPPED on node1, FAILED with exit code 3: exit code 3")
            #expect(lines.count { $0.hasPrefix("waiting for the controller: ") } == 2)
            #expect(lines.count == 5)
        }
    }

    @Test(arguments: [("CANCELLED", -1), ("LOST", -1), ("FAILED", -1)])
    func `a task that did not end by itself has no exit code`(_ status: String, _ code: Int) async throws {
        let result = #""taskResult":{"status":"\#(status)","exitCode":\#(code)},"errorMessage":"it is so""#
        try await Self.withServer([Self.shown("STOPPED", result)]) { server in
            let task = try await Self.watch(server).end { _ in }
            #expect(task.exitCode == nil)
            #expect(task.result?.status == status)
        }
    }

    @Test func `a controller that stays away is given up after the limit`() async throws {
        try await Self.withServer([Self.shown("RUNNING"), Self.silence]) { server in
            let error = await #expect(throws: ClientError.self) {
                try await Self.watch(server, .milliseconds(50)).end { _ in }
            }
            #expect(error?.isPassing == true)
        }
    }

    @Test func `a task whose record is deleted meanwhile is told so`() async throws {
        try await Self.withServer([Self.shown("RUNNING"), Self.unknown]) { server in
            let error = await #expect(throws: ClientError.self) { try await Self.watch(server).end { _ in } }
            #expect(error?.code == .notFound)
        }
    }

    // MARK: the beginning

    @Test func `a request without an answer is repeated, and that the task is there then means it was accepted`()
        async throws
    {
        try await Self.withServer([Self.unknown, Self.silence, Self.exists]) { server in
            try await Self.watch(server).create(["type": "CREATE"]) { _ in }
            #expect(server.left == 1)
        }
        try await Self.withServer([Self.unknown, Self.silence, Self.notLeading, Self.accepted]) { server in
            try await Self.watch(server).create(["type": "CREATE"]) { _ in }
            #expect(server.left == 1)
        }
    }

    @Test func `a task of that name that was there before is never taken for the new one`() async throws {
        for answers in [[Self.shown("RUNNING"), Self.accepted], [Self.unknown, Self.exists]] {
            try await Self.withServer(answers) { server in
                let error = await #expect(throws: ClientError.self) {
                    try await Self.watch(server).create(["type": "CREATE"]) { _ in }
                }
                guard case .refused(let texts)? = error?.code else {
                    Issue.record("it is \(String(describing: error))")
                    return
                }
                #expect(texts.first?.hasPrefix("Task already exists for BATCH/T1 with taskID: BATCH-T1") == true)
                #expect(texts.first?.contains("apus tasks delete BATCH/T1, or give another name with --id") == true)
            }
        }
    }

    @Test func `a controller that is not there is told at once`() async throws {
        let server = try AnsweringServer("")
        server.stop()
        let error = await #expect(throws: ClientError.self) {
            try await Self.watch(server).create(["type": "CREATE"]) { _ in }
        }
        #expect(error?.code == .unreachable("\(server.url)/apis/v1/tasks/BATCH/instances/T1"))
    }
}
