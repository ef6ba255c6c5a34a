import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Glibc
import Testing

/// A real `apus dev` process on a real Docker engine, in a state directory and on ports of its own.
///
/// `close` ends it by its pid and removes its containers; call it whatever happens (`withDevCluster` does).
final class DevCluster {
    let api: APIClient
    let engine: DockerEngine
    let state: String
    private let address: String
    private let executorAddress: String
    private let socket: String
    private let binary: String
    private let arguments: [String]
    private var process: Process?

    init(arguments: [String] = []) throws {
        let environment = ProcessInfo.processInfo.environment
        func needed(_ name: String) throws -> String {
            try #require(environment[name], "\(name) is not set; scripts/test starts what this test needs and sets it")
        }
        socket = try needed("APUS_TEST_DOCKER_SOCKET")
        binary = try needed("APUS_TEST_BINARY")
        self.arguments = arguments
        state = NSTemporaryDirectory() + "apus-\(UUID().uuidString.prefix(8))"
        address = "127.0.0.1:\(try Self.freePort())"
        executorAddress = "127.0.0.1:\(try Self.freePort())"
        api = APIClient(endpoint: "http://\(address)")
        engine = DockerEngine(socketPath: socket)
    }

    static var image: String { ProcessInfo.processInfo.environment["APUS_TEST_IMAGE"] ?? "" }

    /// Starts the process; `crashAt` is `APUS_CRASH_AT` for it.
    func start(crashAt: String? = nil) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments =
            [
                "dev", "--state", state, "--address", address, "--executor-address", executorAddress,
                "--docker-socket", socket,
            ] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            crashAt.map { ["APUS_CRASH_AT": $0] } ?? [:]
        ) { $1 }
        if !FileManager.default.fileExists(atPath: log) {
            try check(FileManager.default.createFile(atPath: log, contents: nil), "cannot write \(log)")
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Starts it and waits until the API answers.
    func startAndAnswer(crashAt: String? = nil) async throws {
        try await start(crashAt: crashAt)
        try await eventually("the API answers") { try await self.api.ping() }
    }

    var log: String { state + ".log" }
    var logTail: String {
        let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").suffix(30).joined(separator: "\n")
    }
    var isRunning: Bool { process?.isRunning ?? false }

    /// `kill -9`, and its end awaited.
    func kill9() {
        guard let process else { return }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        self.process = nil
    }

    /// SIGTERM; its exit code.
    func terminate() -> Int32 {
        guard let process else { return -1 }
        process.terminate()
        process.waitUntilExit()
        self.process = nil
        return process.terminationStatus
    }

    func residentKilobytes() throws -> Int {
        let pid = try #require(process?.processIdentifier)
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
        kill9()
        for container in (try? await containers()) ?? [] {
            try? await engine.remove(container.id, force: true, volumes: true)
        }
        try? await engine.shutdown()
        try? FileManager.default.removeItem(atPath: state)
        try? FileManager.default.removeItem(atPath: log)
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
        try await eventually("\(id) settles at \(count)") {
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
        let deadline = ContinuousClock.now + limit
        while true {
            do {
                return try await attempt()
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw Unfulfilled(description: "not within \(limit): \(what) (\(error))\n\(logTail)")
                }
                try await pause()
            }
        }
    }

    /// Lets a moment pass that a test has drawn, so that what follows comes at no chosen one.
    static func moment(_ span: Duration) async throws {
        // deadline: it is one itself.
        try await ContinuousClock().sleep(for: span)
    }

    private static func freePort() throws -> Int {
        let descriptor = socketDescriptor()
        defer { Glibc.close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        try #require(bound, "no free port")
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func socketDescriptor() -> Int32 { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
}

struct Unfulfilled: Error, CustomStringConvertible {
    var description: String
}

func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw Unfulfilled(description: what()) }
}

/// Lets a polled condition come true: a tenth of a second, on a timer and not on a thread.
private func pause() async throws {
    // deadline: only `eventually` calls this, which has one.
    try await ContinuousClock().sleep(for: .milliseconds(100))
}

/// Runs a test against a cluster of its own and cleans up after it, also when it fails.
func withDevCluster(
    arguments: [String] = [],
    crashAt: String? = nil,
    _ body: (DevCluster) async throws -> Void
) async throws {
    let cluster = try DevCluster(arguments: arguments)
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
