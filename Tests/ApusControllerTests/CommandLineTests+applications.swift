import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Applications that are deployed and operated by commands.
extension CommandLineTests {
    @Test func `a second deploy of a service that is down waits for it and tells that it is not done`() async throws {
        try await Self.withNode { controller, node, endpoint in
            let folder = try TemporaryFolder()
            defer { folder.remove() }
            let file = URL(filePath: "\(folder.path)/spec.json")
            try Data(exampleSpec().json.serialized.utf8).write(to: file)
            _ = await controller.post("applications/operations", create(instances: 1).json.serialized)
            try await eventually("it is healthy", node, controller) {
                let summary = await controller.get("applications/TEST_APP-1").json?["data"]
                return summary?["healthyInstances"] == 1 && summary?["operation"] == nil
            }
            node.isStalled = true
            node.move(.application(AppID("TEST_APP-1")), to: .stopped, .exited(code: 1, outOfMemory: false))
            try await eventually("it is down", node, controller) {
                await controller.healthy(AppID("TEST_APP-1")) == 0
            }
            func deploy(_ arguments: String...) async throws -> Run {
                let command = try Program(Self.binary, ["apps", "deploy", file.path] + arguments, endpoint: endpoint)
                try await eventually("it has ended", node, controller) { !command.isRunning }
                return try await command.end()
            }
            let unwaited = try await deploy("--no-wait")
            #expect(unwaited.code == 0, "\(unwaited.errors)")
            let first = await controller.get("applications/TEST_APP-1").json?["data"]?["operation"]?["id"]?.text
            let command = try Program(Self.binary, ["apps", "deploy", file.path], endpoint: endpoint)
            try await eventually("it is asked for again", node, controller) {
                let now = await controller.get("applications/TEST_APP-1").json?["data"]?["operation"]
                return now?["type"] == "SCALE" && now?["id"]?.text != first
            }
            #expect(command.isRunning)
            command.interrupt()
            let interrupted = try await command.end()
            #expect(interrupted.code == 130, "\(interrupted)")
        }
    }

    @Test func `an application is restarted, stopped, started and recovered, and a refusal has its code`() async throws
    {
        try await Self.withNode { controller, node, endpoint in
            let app = AppID("TEST_APP-1")
            _ = await controller.post("applications/operations", create(instances: 2).json.serialized)
            func steady(_ count: Int64) async throws {
                try await eventually("\(count) are healthy", node, controller) {
                    let summary = await controller.get("applications/\(app)").json?["data"]
                    return summary?["healthyInstances"] == .integer(count) && summary?["operation"] == nil
                }
            }
            func apus(_ arguments: String...) async throws -> Run {
                let command = try Program(Self.binary, ["apps"] + arguments, endpoint: endpoint)
                try await eventually("it has ended", node, controller) { !command.isRunning }
                return try await command.end()
            }
            try await steady(2)
            let restarted = try await apus("restart", "TEST_APP-1", "--parallelism", "2", "--rollback")
            #expect(restarted.code == 0, "\(restarted.errors)")
            #expect(restarted.output.hasSuffix("TEST_APP-1: RUNNING, expected 2, running 2, healthy 2\n"))
            let id = await controller.get("applications/\(app)/instances").json?["data"]?[0]?["instanceId"]?.text ?? ""
            let stopped = try await apus("stop", "TEST_APP-1", "--ids", id, "--no-respawn")
            #expect(stopped.code == 0, "\(stopped.errors)")
            #expect(stopped.output.hasSuffix("TEST_APP-1: RUNNING, expected 1, running 1, healthy 1\n"))
            let started = try await apus("start", "TEST_APP-1", "1")
            #expect(started.code == 0, "\(started.errors)")
            #expect(started.output.hasSuffix("expected 2, running 2, healthy 2\n"))
            #expect(try await apus("recover", "TEST_APP-1").code == 0)
            let cancelled = try await apus("cancel", "TEST_APP-1")
            #expect((cancelled.code, cancelled.errors) == (5, "apus: Current operation could not be cancelled\n"))
            #expect(try await apus("restart", "NOPE-1").code == 1)
            #expect(try await apus("stop", "TEST_APP-1", "--ids", "AI-9").code == 5)
            for list in ["", ","] {
                let nothing = try await apus("restart", "TEST_APP-1", "--ids", list)
                #expect(nothing.code == 64)
                #expect(nothing.errors.contains("--ids names no instance"))
            }
            #expect(try await apus("show", "").code == 64)
            let destroyed = try await apus("destroy", "TEST_APP-1")
            #expect(destroyed.code == 5)
            #expect(destroyed.errors.hasSuffix("in RUNNING state\nSuspend it first, or use --suspend\n"))
            let gone = try await apus("destroy", "TEST_APP-1", "--suspend")
            #expect(gone.code == 0, "\(gone.errors)")
        }
    }
}
