import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Local services that are operated by commands.
extension CommandLineTests {
    @Test func `a local service is created, activated, restarted and destroyed by commands`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let file = URL(filePath: "\(folder.path)/service.json")
        try Data(exampleService().json.bytes).write(to: file)
        try await Self.withNode { controller, node, endpoint in
            func run(_ arguments: String...) async throws -> Run {
                let command = try Program(Self.binary, ["localservices"] + arguments, endpoint: endpoint)
                try await eventually("it ends", node, controller) { !command.isRunning }
                return try await command.end()
            }
            let created = try await run("create", file.path)
            #expect(created.code == 0 && created.output.contains("TEST_SERVICE-1: INACTIVE"))
            let activated = try await run("activate", "TEST_SERVICE-1")
            #expect(activated.code == 0 && activated.output.contains("ACTIVE, wanted 1, running 1, healthy 1"))
            #expect(try await run("list").output.contains("TEST_SERVICE-1"))
            for command in ["show", "restart", "cancel"] {
                let unknown = try await run(command, "TEST_SERVCE-1")
                let text = "apus: Local service TEST_SERVCE-1 not found: did you mean TEST_SERVICE-1?\n"
                #expect((unknown.code, unknown.errors) == (1, text))
            }
            #expect(try await run("restart", "TEST_SERVICE-1").code == 0)
            let adjusted = try await run("adjust", "TEST_SERVICE-1")
            #expect(adjusted.code == 0, "\(adjusted.errors)")
            #expect(
                try await run("show", "TEST_SERVICE-1").output.contains("last operation: ADJUST_INSTANCES SUCCEEDED")
            )
            let told = try await Program(
                Self.binary,
                ["explain", "--local-service", "TEST_SERVICE-1"],
                endpoint: endpoint
            ).end()
            #expect(told.output.hasSuffix("1 of 1 executors have all that is wanted there\n"), "\(told)")
            #expect(try await run("restart", "TEST_SERVICE-1", "--stop-first").code == 0)
            #expect(
                try await run("show", "TEST_SERVICE-1").output.contains("last operation: REPLACE_INSTANCES SUCCEEDED")
            )
            let again = try await run("activate", "TEST_SERVICE-1")
            #expect(again.code == 5 && again.errors.contains("Only [ADJUST_INSTANCES, DEACTIVATE"))
            let nobody = try await run("stop", "TEST_SERVICE-1", "--ids", "SI-none")
            #expect((nobody.code, nobody.errors) == (5, "apus: There are no healthy instances with ids: [SI-none]\n"))
            #expect(try await run("deactivate", "TEST_SERVICE-1").code == 0)
            #expect(try await run("destroy", "TEST_SERVICE-1").code == 0)
            try await eventually("it is gone", node, controller) {
                await controller.get("localservices").json?["data"] == .object([])
            }
        }
    }

    @Test func `whoever waits for a local service sees its end where an executor keeps what it has, and who cancels`()
        async throws
    {
        try await Self.withNode { controller, node, endpoint in
            for operation in [
                LocalServiceOperation.create(exampleService(), instancesPerHost: 1),
                .activate(ServiceID("TEST_SERVICE-1")),
            ] { _ = await controller.post("localservices/operations", operation.json.serialized) }
            let path = "localservices/TEST_SERVICE-1"
            try await eventually("it is healthy", node, controller) {
                await controller.get(path).json?["data"]?["healthyInstances"] == 1
            }
            func start(_ arguments: String...) throws -> Program {
                try Program(Self.binary, ["localservices"] + arguments, endpoint: endpoint)
            }
            node.troubles = ["no engine"]
            await node.report(to: controller)
            let update = try start("update-count", "TEST_SERVICE-1", "--per-host", "2", "--timeout", "30s")
            try await eventually("it ends", node, controller) { !update.isRunning }
            let updated = try await update.end()
            #expect((updated.code, updated.errors) == (0, ""))
            node.troubles = []
            node.isStalled = true
            await node.report(to: controller)
            let restart = try start("restart", "TEST_SERVICE-1", "--stop-first")
            try await eventually("it is under way", node, controller) {
                await controller.get(path).json?["data"]?["operation"]?["type"] == "REPLACE_INSTANCES"
            }
            #expect(try await start("cancel", "TEST_SERVICE-1").end().code == 0)
            let cancelled = try await restart.end()
            #expect(cancelled.code == 5, "\(cancelled)")
            #expect(
                cancelled.errors == "apus: The REPLACE_INSTANCES of TEST_SERVICE-1 was cancelled by a user\n"
            )
        }
    }
}
