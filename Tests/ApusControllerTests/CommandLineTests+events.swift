import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Events shown and followed by `apus events`.
extension CommandLineTests {
    @Test func `what has happened is shown oldest first, and followed from a time on`() async throws {
        try await Self.withNode { controller, node, endpoint in
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 1
            }
            func run(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, ["events"] + arguments, endpoint: endpoint).end()
            }
            let shown = try await run("--type", "app_state_change")
            #expect(shown.code == 0, "\(shown.errors)")
            #expect(shown.output.hasSuffix("Z  APP_STATE_CHANGE  TEST_APP-1  RUNNING\n"), "\(shown.output)")
            let lines = try await run("--json", "--since", "1h").output.split(separator: "\n")
            #expect(try JSON(parsing: String(lines.first ?? ""))["type"] == "LEADERSHIP_ACQUIRED")
            let wrong = try await run("--type", "NONE")
            #expect(wrong.code == 64)
            #expect(wrong.errors.contains("--type NONE is none of APP_STATE_CHANGE, "))

            let text = "'\(Self.binary)' events -f --since 1h --type APP_STATE_CHANGE | head -n 1"
            let followed = try Program("/bin/sh", ["-c", text], endpoint: endpoint)
            // It notices at its next line that its reader has gone.
            let another = ClusterEvent(.applicationChanged, .members(["APP_ID": "OTHER-1"]))
            try await eventually("it ends with its reader") {
                if controller.events.listeners == 1 { controller.events.append([another]) }
                return !followed.isRunning
            }
            let end = try await followed.end()
            #expect(end.output == shown.output)
            #expect(end.errors.contains("events are missing here: those before 1-1 are not held"), "\(end.errors)")
        }
    }
}
