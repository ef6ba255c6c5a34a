import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// `apus exec` through controller, executor and a real container engine.
    @Suite(.serialized) struct ExecTests {
        /// A cluster with one instance, and a folder for what commands leave.
        private func withInstance(
            arguments: [String] = [],
            _ body: (DevCluster, InstanceID, _ folder: String) async throws -> Void
        ) async throws {
            try await withDevCluster(arguments: arguments) { cluster in
                let app = try await cluster.deploy(service("WEB"), instances: 1)
                try await cluster.settle(app, at: 1)
                let instance = try #require(try await cluster.api.instances(of: app).first)
                let folder = cluster.state + "-exec"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: folder) } }
                try await body(cluster, instance.id, folder)
            }
        }

        /// Runs a line of the shell in which `apus` is the program, and waits for its end.
        private func shell(_ line: String, _ cluster: DevCluster, _ folder: String) async throws -> Int32 {
            let process = try ApusProcess(
                ["-c", "cd '\(folder)' && \(line)"],
                log: "\(folder)/shell.log",
                program: "/bin/sh"
            )
            try process.start(environment: [
                "APUS": try needed("APUS_TEST_BINARY"), "APUS_ENDPOINT": cluster.api.endpoint,
            ])
            return await process.end()
        }

        private func text(_ name: String, in folder: String) throws -> String {
            try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
        }

        @Test(.timeLimit(.minutes(3)))
        func `input, both streams and the exit code go through the whole chain`() async throws {
            try await withInstance { try await sendThrough($0, $1, $2) }
        }

        private func sendThrough(_ cluster: DevCluster, _ instance: InstanceID, _ folder: String) async throws {
            let command = "sh -c 'busybox cat; echo err >&2; exit 7'"
            for id in [instance.rawValue, "WEB-1"] {
                let line = "printf 'one\\ntwo\\n' | \"$APUS\" exec -i \(id) -- \(command) >out 2>err"
                #expect(try await shell(line, cluster, folder) == 7)
                #expect(try text("out", in: folder) == "one\ntwo\n")
                #expect(try text("err", in: folder) == "err\n")
            }
            // Far more than may be under way at once, there and back.
            let there = "\"$APUS\" exec WEB-1 -- busybox cat /proc/self/exe >once"
            let back = "\"$APUS\" exec -i WEB-1 -- busybox cat <once >twice"
            #expect(try await shell("\(there) && \(back) && cmp once twice && [ -s twice ]", cluster, folder) == 0)
            // A reader that takes nothing for a while holds the command back.
            let slow = "\"$APUS\" exec WEB-1 -- busybox seq 1 200000 | { sleep 3; tail -n 1 >last; }"
            #expect(try await shell(slow, cluster, folder) == 0)
            #expect(try text("last", in: folder) == "200000\n")
        }

        @Test(.timeLimit(.minutes(3)))
        func `a command ends when its caller is killed, and when it is interrupted`() async throws {
            try await withInstance { try await leave($0, $1, $2) }
        }

        private func leave(_ cluster: DevCluster, _ instance: InstanceID, _ folder: String) async throws {
            let container = try #require(try await cluster.containers().first).id
            func isThere() async throws -> Bool {
                let look = ["sh", "-c", "[ -s /pid ] && kill -0 $(busybox cat /pid)"]
                return try await cluster.engine.run(look, in: container, within: .seconds(10))
                    == .exited(code: 0, lastLine: "")
            }
            for (signal, code) in [("-9", 9), ("-INT", 130)] as [(String, Int32)] {
                let caller = try ApusProcess(
                    ["exec", "--endpoint", cluster.api.endpoint, instance.rawValue, "--"]
                        + ["sh", "-c", "echo $$ >/pid; exec sleep 1000"],
                    log: "\(folder)/caller.log"
                )
                try caller.start()
                try await cluster.eventually("it runs") { try check(try await isThere(), "not yet") }
                let pid = try #require(caller.pid)
                #expect(try await shell("kill \(signal) \(pid)", cluster, folder) == 0)
                #expect(await caller.end() == code)
                try await cluster.eventually("it has ended", within: .seconds(40)) {
                    try check(try await !isThere(), "it runs on")
                }
            }
            #expect(try text("caller.log", in: folder).contains("the executor is told to end the command"))
        }

        @Test(.timeLimit(.minutes(3)))
        func `an executor that lets nobody run commands says so`() async throws {
            try await withInstance(arguments: ["--no-exec"]) { cluster, instance, folder in
                let code = try await shell("\"$APUS\" exec \(instance) -- true 2>err", cluster, folder)
                #expect(code == 125)
                #expect(try text("err", in: folder).contains("this machine's limit `exec` forbids it"))
            }
        }
    }
}
