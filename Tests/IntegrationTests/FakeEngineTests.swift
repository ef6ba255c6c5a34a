import ApusContainers
import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// The engine that is played in a lab's clusters does to its client what a real one does.
    @Suite(.serialized) struct FakeEngineTests {
        @Test(.timeLimit(.minutes(1)))
        func `a container answers on its port from its start until it is stopped, and each of that is noted`()
            async throws
        {
            try await withFakeEngine { engine, record in
                var events = try await engine.events(labels: ["a": "1"]).makeAsyncIterator()
                let port = PublishedPort(
                    hostAddress: "127.0.0.1",
                    hostPort: try freePort(),
                    containerPort: 8000,
                    transport: .tcp
                )
                let labels = ["a": "1", "apus.instance.id": "I1", "apus.app.id": "WEB-1"]
                let plan = ContainerPlan(name: "web", image: "lab:1", labels: labels, ports: [port], memoryMB: 16)
                let id = try await engine.create(plan)
                #expect(try await engine.inspect(id).state == .created)
                try await engine.start(id)
                #expect(try await engine.inspect(id).ports == [port])
                #expect(try await engine.list(labels: ["a": "1"]).map(\.isRunning) == [true])
                #expect(try await engine.list(labels: ["a": "2"]).isEmpty)
                #expect(try await get("http://127.0.0.1:\(port.hostPort)/").contains("I1"))
                await #expect(throws: ContainerError.self) { _ = try await engine.create(plan) }

                var second = plan
                second.name = "second"
                let other = try await engine.create(second)
                do {
                    try await engine.start(other)
                    Issue.record("it has a port that is taken")
                } catch let error as ContainerError {
                    #expect(error.code == .portInUse)
                }
                try await engine.stop(id, grace: .zero)
                try await engine.start(other)
                try await engine.remove(other, force: true, volumes: true)
                try await engine.start(id)
                let kinds: [ContainerEvent.Kind] = [
                    .started, .died(exitCode: 143), .started, .died(exitCode: 137), .destroyed, .started,
                ]
                for kind in kinds { #expect(try await events.next()?.kind == kind) }
                let noted = try ContainerRecord(of: [record])
                #expect(noted.startedAgain == ["I1"])
                #expect(noted.starts(of: AppID("WEB-1")) == 3)
                #expect(noted.ends(of: AppID("WEB-1")).map(\.container) == [id, other])
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func `a script ends by itself with its code, and so does what it writes`() async throws {
            try await withFakeEngine { engine, _ in
                let script = ["sh", "-c", "sleep 0.2; exit 7"]
                let id = try await engine.create(
                    ContainerPlan(name: "job", image: "lab:1", command: script, memoryMB: 16)
                )
                try await engine.start(id)
                try await engine.logs(of: id, since: nil, following: true) { _ in Issue.record("it writes something") }
                #expect(try await engine.inspect(id).state == .exited(code: 7, outOfMemory: false))
                await #expect(throws: ContainerError.self, "it is played by nobody") {
                    let plan = ContainerPlan(name: "other", image: "lab:1", command: ["ls"], memoryMB: 16)
                    _ = try await engine.create(plan)
                }
            }
        }

        private func withFakeEngine(_ body: (DockerEngine, _ record: String) async throws -> Void) async throws {
            let program = try needed("APUS_TEST_FAKE_ENGINE")
            let folder = NSTemporaryDirectory() + "apus-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let process = try ApusProcess(
                ["--socket", "\(folder)/engine.sock", "--record", "\(folder)/record"],
                log: "\(folder)/log",
                program: program
            )
            let engine = DockerEngine(socketPath: "\(folder)/engine.sock")
            let result: Result<Void, any Error>
            do {
                try process.start()
                try await until("it answers", log: { process.logTail }) { _ = try await engine.version() }
                result = .success(try await body(engine, "\(folder)/record"))
            } catch {
                result = .failure(error)
            }
            await process.kill9()
            try await engine.shutdown()
            try FileManager.default.removeItem(atPath: folder)
            try result.get()
        }
    }
}
