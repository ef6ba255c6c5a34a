import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// What `scripts/bench` sets for a benchmark.
struct BenchEnvironment {
    var socket: String
    var image: String
    var binary: String

    init() throws {
        func needed(_ name: String) throws -> String {
            guard let value = ProcessInfo.processInfo.environment[name] else {
                throw BenchError(description: "\(name) is not set; run scripts/bench, which sets it")
            }
            return value
        }
        socket = try needed("APUS_BENCH_DOCKER_SOCKET")
        image = try needed("APUS_BENCH_IMAGE")
        binary = try needed("APUS_BENCH_BINARY")
    }

    /// A service of the benchmark's image.
    func spec(_ name: String) -> ApplicationSpec {
        exampleSpec(name: name, image: image, memoryMB: 32)
    }
}

/// An `apus dev` of the benchmark's own.
final class DevProcess {
    let api: APIClient
    let state: String
    private let process = Process()

    init(_ environment: BenchEnvironment, port: Int) throws {
        state = NSTemporaryDirectory() + "apus-bench-\(UUID().uuidString.prefix(8))"
        api = APIClient(endpoint: "http://127.0.0.1:\(port)")
        process.executableURL = URL(fileURLWithPath: environment.binary)
        process.arguments = [
            "dev", "--state", state, "--address", "127.0.0.1:\(port)", "--executor-address", "127.0.0.1:\(port + 1)",
            "--docker-socket", environment.socket, "--log-level", "warning", "--multiplier", "64",
            "--admin-address", "none",
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    /// Waits until the API answers and the executor takes work.
    func ready() async throws {
        try await until("apus dev is ready", within: .seconds(30)) {
            try await api.ping()
            let executors = try await api.executors()
            guard executors.serialized.contains("\"state\":\"ACTIVE\"") else {
                throw BenchError(description: "no executor takes work yet: \(executors.serialized)")
            }
        }
    }

    func residentMegabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = Double(line.split(whereSeparator: \.isWhitespace)[1])
        else { throw BenchError(description: "no VmRSS of process \(process.processIdentifier)") }
        return kilobytes / 1024
    }

    func create(_ spec: ApplicationSpec, instances: Int) async throws -> AppID {
        try await api.operate([
            "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(instances)),
            "opSpec": ["timeout": "5m", "parallelism": .integer(Int64(instances)), "failureStrategy": "STOP"],
        ])
    }

    /// Suspends and destroys, and waits until nothing is left.
    func remove(_ app: AppID) async throws {
        for type in ["SUSPEND", "DESTROY"] {
            try await until("\(app) takes \(type)", within: .seconds(120)) {
                _ = try await api.operate([
                    "type": .string(type), "appId": app.json,
                    "opSpec": ["timeout": "5m", "parallelism": 20, "failureStrategy": "STOP"],
                ])
            }
        }
        try await until("\(app) is gone", within: .seconds(120)) {
            guard try await api.applications().isEmpty else { throw BenchError(description: "\(app) is still listed") }
        }
    }

    func end() {
        process.terminate()
        process.waitUntilExit()
        do {
            try FileManager.default.removeItem(atPath: state)
        } catch {
            print("could not remove \(state): \(error)")
        }
    }
}

/// Asks ports whether they answer.
///
/// Not with the shared client: after some refusals that one waits longer and longer before it tries to connect again,
/// which would count against whoever is asked early.
private let asking: HTTPClient = {
    var configuration = HTTPClient.Configuration.singletonConfiguration
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout.connect = .milliseconds(500)
    return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
}()

/// Waits until a port answers an HTTP request.
func answering(_ port: Int) async throws {
    try await until("port \(port) answers", within: .seconds(60), every: .milliseconds(20)) {
        let answer = try await asking.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)/"),
            // The engine takes connections for a container that cannot answer yet, and leaves them hanging.
            timeout: .milliseconds(200)
        )
        _ = try await answer.body.collect(upTo: 65_536)
        guard answer.status == .ok else { throw BenchError(description: "port \(port) answered \(answer.status)") }
    }
}
