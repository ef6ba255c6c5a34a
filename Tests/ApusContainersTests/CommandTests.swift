import ApusContainers
import ApusModel
import Testing

/// Commands inside containers of the real engine.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct CommandTests {
    private func within(_ body: @Sendable (TestEngine, ContainerID) async throws -> Void) async throws {
        try await TestEngine.run { test in
            let id = try await test.started(test.plan("commands", command: ["sleep", "1000"]))
            try await body(test, id)
        }
    }

    @Test
    func `a command ends with its own code, and its last line is kept`() async throws {
        try await within { test, id in
            let cases: [(command: String, result: CommandResult)] = [
                ("true", .exited(code: 0, lastLine: "")),
                ("echo one >&2; echo two >&2; exit 3", .exited(code: 3, lastLine: "two")),
                ("printf 'a\\tb\\033[1m\\n\\n  \\n'; exit 4", .exited(code: 4, lastLine: "ab[1m")),
                // Far more than is kept, in many frames.
                ("busybox seq 1 30000; exit 5", .exited(code: 5, lastLine: "30000")),
                // One line, longer than is kept.
                (
                    "head -c 100000 /dev/zero | busybox tr '\\0' x; exit 6",
                    .exited(code: 6, lastLine: String(repeating: "x", count: 300))
                ),
            ]
            for (command, result) in cases {
                let found = try await test.engine.run(["sh", "-c", command], in: id, within: .seconds(20))
                #expect(found == result, "\(command)")
            }
        }
    }

    @Test
    func `a program that is not in the image is told apart from one that fails`() async throws {
        try await within { test, id in
            let result = try await test.engine.run(["/no/such/program"], in: id, within: .seconds(20))
            guard case .notBegun(let reason) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.contains("/no/such/program"))
        }
    }

    @Test
    func `a command past its time is not begun again before it has ended`() async throws {
        try await within { test, id in
            let waiting = ["sh", "-c", "echo >>/tries; while [ ! -e /go ]; do sleep 0.1; done"]
            let engine = test.engine
            #expect(try await engine.run(waiting, in: id, within: .milliseconds(500)) == .runsOn)
            #expect(try await engine.run(waiting, in: id, within: .seconds(20)) == .stillRuns)
            // Another command may run meanwhile.
            let count = ["sh", "-c", "busybox wc -l </tries; : >/go"]
            #expect(try await engine.run(count, in: id, within: .seconds(20)) == .exited(code: 0, lastLine: "1"))
            var result = CommandResult.stillRuns
            while result == .stillRuns { result = try await engine.run(waiting, in: id, within: .seconds(20)) }
            #expect(result == .exited(code: 0, lastLine: ""))
        }
    }

    @Test
    func `a container that has ended runs no commands`() async throws {
        try await within { test, id in
            try await test.engine.stop(id, grace: .zero)
            let ended = try await containerError {
                _ = try await test.engine.run(["true"], in: id, within: .seconds(20))
            }
            #expect(ended.code == .conflict)
            #expect(ended.message.contains("is not running"))
            try await test.engine.remove(id, force: true, volumes: true)
            let gone = try await containerError {
                _ = try await test.engine.run(["true"], in: id, within: .seconds(20))
            }
            #expect(gone.code == .notFound)
        }
    }
}
