import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// A real `apus dev` process on a real Docker engine, in a state directory and on ports of its own.
///
/// `close` ends it by its pid and removes its containers; call it whatever happens (`withDevCluster` does).
final class DevCluster: Sendable {
    let api: APIClient
    let engine: DockerEngine
    let state: String
    private let scratch: TemporaryFolder
    private let process: ApusProcess

    /// `credentials` are those of a user that it is started with, in a file that `arguments` name.
    init(arguments: [String] = [], as credentials: Credentials? = nil) throws {
        let socket = try needed("APUS_TEST_DOCKER_SOCKET")
        let address = "127.0.0.1:\(try freePort())"
        scratch = try TemporaryFolder()
        state = "\(scratch.path)/state"
        process = try ApusProcess(
            [
                "dev", "--state", state, "--address", address, "--executor-address", "127.0.0.1:\(try freePort())",
                "--docker-socket", socket,
            ] + arguments,
            log: state + ".log"
        )
        api = APIClient(endpoint: "http://\(address)", as: Caller(credentials))
        engine = DockerEngine(socketPath: socket)
    }

    static var image: String { ProcessInfo.processInfo.environment["APUS_TEST_IMAGE"] ?? "" }

    /// Starts the process; `crashAt` is `APUS_CRASH_AT` for it.
    func start(crashAt: String? = nil) throws {
        try process.start(environment: crashAt.map { ["APUS_CRASH_AT": $0] } ?? [:])
    }

    /// Starts it and waits until the API answers.
    func startAndAnswer(crashAt: String? = nil) async throws {
        try start(crashAt: crashAt)
        try await until("the API answers") { try await self.api.ping() }
    }

    var logTail: String { process.logTail }
    var isRunning: Bool { process.isRunning }
    func kill9() async { await process.kill9() }

    /// SIGTERM; its exit code.
    func terminate() async -> Int32 { await process.terminate() }

    func residentKilobytes() throws -> Int {
        let pid = try #require(process.pid)
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return Int(line.split(whereSeparator: \.isWhitespace)[1]) ?? 0
    }

    // MARK: the engine behind its back

    var cluster: String {
        (try? String(contentsOfFile: state + "/cluster", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "none"
    }

    /// All containers of this cluster, stopped ones too, by `docker ps -a`'s means.
    func containers() async throws -> [ContainerSummary] {
        try await engine.list(labels: ["apus.cluster": cluster]).sorted { $0.id < $1.id }
    }

    func close() async {
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        await Task { [self] in
            await process.kill9()
            for container in (try? await containers()) ?? [] {
                try? await engine.remove(container.id, force: true, volumes: true)
            }
            try? await engine.shutdown()
            scratch.remove()
        }.value
    }

    // MARK: asking

    func deploy(_ spec: JSON, instances: Int, parallelism: Int = 10, timeout: String = "2m") async throws -> AppID {
        try await api.operate([
            "type": "CREATE", "spec": spec, "instances": .integer(Int64(instances)),
            "opSpec": Self.opSpec(parallelism: parallelism, timeout: timeout),
        ])
    }

    func scale(_ id: AppID, to count: Int, parallelism: Int = 10) async throws {
        _ = try await api.operate([
            "type": "SCALE", "appId": id.json, "requiredInstances": .integer(Int64(count)),
            "opSpec": Self.opSpec(parallelism: parallelism),
        ])
    }

    func suspend(_ id: AppID) async throws {
        _ = try await api.operate(["type": "SUSPEND", "appId": id.json, "opSpec": Self.opSpec(parallelism: 1)])
    }

    static func opSpec(parallelism: Int, timeout: String = "2m") -> JSON {
        ["timeout": .string(timeout), "parallelism": .integer(Int64(parallelism)), "failureStrategy": "STOP"]
    }

    /// Waits until so many instances are HEALTHY and nothing else of the application is left.
    func settle(_ id: AppID, at count: Int) async throws {
        try await until("\(id) settles at \(count)") {
            let summary = try await self.api.application(id)
            let live = try await self.api.instances(of: id)
            try check(
                summary.expected == count && summary.healthy == count && live.count == count
                    && summary.operation == nil,
                "expected \(summary.expected), healthy \(summary.healthy), live \(live.map(\.state)), \(summary.state)"
            )
        }
    }

    /// Waits for something; what it last threw tells why it did not come.
    func eventually(
        _ what: String,
        within limit: Duration = .seconds(60),
        _ attempt: () async throws -> Void
    ) async throws {
        try await until(what, within: limit, log: { logTail }, attempt)
    }

    /// Lets a moment pass that a test has drawn, so that what follows comes at no chosen one.
    static func moment(_ span: Duration) async throws {
        // deadline: it is one itself.
        try await ContinuousClock().sleep(for: span)
    }
}

/// Runs a test against a cluster of its own and cleans up after it, also when it fails.
func withDevCluster(
    arguments: [String] = [],
    as credentials: Credentials? = nil,
    crashAt: String? = nil,
    _ body: (DevCluster) async throws -> Void
) async throws {
    let cluster = try DevCluster(arguments: arguments, as: credentials)
    do {
        try await cluster.startAndAnswer(crashAt: crashAt)
        try await body(cluster)
    } catch {
        await cluster.close()
        throw error
    }
    await cluster.close()
}

/// A service of the test image: HTTP on 8000.
func service(
    _ name: String,
    image: String = DevCluster.image,
    cores: Int = 1,
    path: String = "/",
    interval: String = "1 second"
) -> JSON {
    let check: JSON = [
        "mode": [
            "type": "HTTP", "protocol": "HTTP", "portName": "main", "path": .string(path), "verb": "GET",
            "successCodes": [200],
        ],
        "timeout": "1 second", "interval": .string(interval), "attempts": 3,
    ]
    return [
        "name": .string(name), "version": "1", "type": "SERVICE",
        "executable": ["type": "DOCKER", "url": .string(image), "dockerPullTimeout": "20 seconds"],
        "exposedPorts": [["name": "main", "port": 8000, "type": "HTTP"]],
        "resources": [["type": "CPU", "count": .integer(Int64(cores))], ["type": "MEMORY", "sizeInMB": 32]],
        "placementPolicy": ["type": "ANY"], "healthcheck": check, "readiness": check,
    ]
}
