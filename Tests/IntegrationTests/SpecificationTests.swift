import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// What a specification gives its container, seen from within.
    @Suite(.serialized) struct SpecificationTests {
        @Test(.timeLimit(.minutes(4)))
        func `a container has its files, its device and its token before it starts, and none of them is shown`()
            async throws
        {
            let scratch = try TemporaryFolder()
            defer { scratch.remove() }
            let folder = scratch.path
            try "from-the-machine".write(toFile: "\(folder)/local.conf", atomically: false, encoding: .utf8)
            let server = try await FileServer(folder: folder, files: ["fetched.conf": "from-a-server"])
            let limits = "\(folder)/limits.yaml"
            try """
            configFolders: [\(folder)]
            devices: [/dev/null]
            fetches: ["127.0.0.1:\(server.port)"]
            """.write(toFile: limits, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let arguments = [
                "--limits", limits, "--enable-raw-device-access", "--allow-fetch", "127.0.0.1:\(server.port)",
            ]
            do {
                try await withDevCluster(arguments: arguments) { cluster in
                    try await walk(cluster, folder, server.port)
                }
            } catch {
                await server.close()
                throw error
            }
            await server.close()
        }

        private func walk(_ cluster: DevCluster, _ folder: String, _ port: Int) async throws {
            let app = try await cluster.deploy(try equipped(folder, port), instances: 1)
            try await cluster.settle(app, at: 1)
            let container = try #require(try await cluster.containers().first)
            let socket = try needed("APUS_TEST_DOCKER_SOCKET")
            func inside(_ words: String...) throws -> String {
                let docker = ["-H", "unix://\(socket)", "exec", container.id.rawValue]
                return try RealRegistry.run("docker", docker + words)
            }
            #expect(try inside("busybox", "cat", "/etc/app/inline.conf") == "from-the-specification")
            #expect(try inside("busybox", "cat", "/etc/app/local.conf") == "from-the-machine")
            #expect(try inside("busybox", "cat", "/etc/app/fetched.conf") == "from-a-server")
            #expect(try inside("busybox", "cat", "/etc/app/controller.conf") == "from-a-server")
            #expect(try inside("busybox", "ls", "/dev/of-mine").contains("/dev/of-mine"))
            let token = try inside("sh", "-c", "echo $DROVE_APP_INSTANCE_AUTH_TOKEN")
            #expect(token.split(separator: ".").count == 3)

            let log = try String(contentsOfFile: cluster.state + ".log", encoding: .utf8)
            let labels = container.labels.values.joined()
            let spec = try await cluster.api.get("applications/\(app)/spec").serialized
            let coded = Base64.encoded(Array("from-the-specification".utf8))
            for text in ["from-the-specification", coded, "from-a-server", token.trimmingCharacters(in: .newlines)] {
                #expect(!log.contains(text) && !labels.contains(text) && !spec.contains(text), "\(text) shows")
            }
        }

        private func equipped(_ folder: String, _ port: Int) throws -> JSON {
            var spec = try ApplicationSpec(json: service("EQUIPPED"))
            let call = HTTPCallSpec(scheme: .http, hostname: "127.0.0.1", port: port, path: "/fetched.conf")
            spec.configs = [
                ConfigSpec(
                    localFilename: "/etc/app/inline.conf",
                    source: .inline(data: Array("from-the-specification".utf8))
                ),
                ConfigSpec(
                    localFilename: "/etc/app/local.conf",
                    source: .executorLocalFile(path: "\(folder)/local.conf")
                ),
                ConfigSpec(localFilename: "/etc/app/fetched.conf", source: .executorHTTPFetch(call)),
                ConfigSpec(localFilename: "/etc/app/controller.conf", source: .controllerHTTPFetch(call)),
            ]
            spec.devices = [.direct(pathOnHost: "/dev/null", pathInContainer: "/dev/of-mine", permissions: .readWrite)]
            return spec.json
        }

        @Test(.timeLimit(.minutes(3)))
        func `what nobody allowed is refused where it is asked for, or on the machine with the limit's name`()
            async throws
        {
            try await withDevCluster(arguments: ["--enable-raw-device-access"]) { cluster in
                var spec = try ApplicationSpec(json: service("GREEDY"))
                spec.devices = [.direct(pathOnHost: "/dev/null", pathInContainer: nil, permissions: .all)]
                let app = try await cluster.deploy(spec.json, instances: 1)
                try await cluster.eventually("the limit is named") {
                    let ended = try await cluster.api.endedInstances(of: app, atMost: 5)
                    try check(ended.contains { $0.error.contains("limit `devices`") }, "\(ended.map(\.error))")
                }
                var fetching = try ApplicationSpec(json: service("FETCHING"))
                let call = HTTPCallSpec(scheme: .http, hostname: "169.254.169.254", path: "/latest/meta-data")
                fetching.configs = [ConfigSpec(localFilename: "/x", source: .controllerHTTPFetch(call))]
                await #expect(throws: ClientError.self) { try await cluster.deploy(fetching.json, instances: 1) }
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `output goes to a syslog server where the specification says so`() async throws {
            let listener = try SyslogListener()
            defer { listener.close() }
            try await withDevCluster { cluster in
                let id = TaskID(source: "SYSLOG", name: "T1")
                let script = "while true; do echo hello; busybox sleep 1; done"
                var spec = try TaskSpec(json: shellTask(id, script))
                spec.logging = .rsyslog(
                    server: "udp://127.0.0.1:\(listener.port)",
                    tagPrefix: "pre-",
                    tagSuffix: "-post"
                )
                // The API may answer before the executor has joined.
                try await cluster.eventually("the task is taken") {
                    try await cluster.api.operateTask([
                        "type": "CREATE", "spec": spec.json, "opSpec": DevCluster.opSpec(parallelism: 1),
                    ])
                }
                try await cluster.eventually("a line with the instance's tag arrives") {
                    let lines = listener.received()
                    try check(lines.contains { $0.contains("pre-TI-") && $0.contains("-post") }, "\(lines)")
                }
            }
        }
    }
}
