import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation

/// A controller and an executor of the benchmark's own, each a process.
final class NodePair {
    let api: APIClient
    let state: String
    let controller: NodeProcess
    let executor: NodeProcess

    /// Begins both; `arguments` are for both.
    init(_ environment: BenchEnvironment, port: Int, _ arguments: [String] = []) throws {
        state = NSTemporaryDirectory() + "apus-bench-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let url = "http://127.0.0.1:\(port)"
        api = APIClient(endpoint: url)
        let all = ["--log-level", "warning"] + arguments
        controller = NodeProcess(
            environment.binary,
            ["controller", "--state", "\(state)/controller", "--address", "127.0.0.1:\(port)"] + all
        )
        // Each core is handed out so many times that all of them fit on a small machine. Between the two addresses
        // there is room for the controller's admin port.
        executor = NodeProcess(
            environment.binary,
            [
                "executor", "--state", "\(state)/executor", "--address", "127.0.0.1:\(port + 10)", "--controllers", url,
                "--docker-socket", environment.socket, "--multiplier", "256",
            ] + all
        )
        try controller.start()
        try executor.start()
    }

    /// Waits until the executor takes work.
    func ready() async throws {
        try await until("the executor takes work", within: .seconds(60)) {
            let executors = try await api.executorSummaries()
            guard executors.first?.state == "ACTIVE" else {
                throw BenchError(description: "\(executors.count) are there")
            }
        }
    }

    /// An application, all of it healthy.
    func create(_ spec: ApplicationSpec, instances: Int, parallelism: Int) async throws -> AppID {
        let app = try await api.operate([
            "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(instances)),
            "opSpec": ["timeout": "15m", "parallelism": .integer(Int64(parallelism)), "failureStrategy": "STOP"],
        ])
        try await until("\(instances) are healthy", within: .seconds(900), every: .seconds(1)) {
            let healthy = try await api.application(app).healthy
            guard healthy == instances else { throw BenchError(description: "\(healthy) are") }
        }
        return app
    }

    func containers(_ engine: DockerEngine) async throws -> [ContainerSummary] {
        let path = "\(state)/executor/cluster"
        let cluster = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return try await engine.list(labels: ["apus.cluster": cluster])
    }

    /// Both stop, and the containers run on.
    func stop() async throws {
        for process in [executor, controller] { try await process.end(by: SIGTERM) }
    }

    /// Ends both, whether they run or not, and removes their containers.
    func end(_ engine: DockerEngine) async {
        do {
            for process in [executor, controller] { try await process.end(by: SIGKILL) }
            for container in try await containers(engine) {
                try await engine.remove(container.id, force: true, volumes: true)
            }
            try FileManager.default.removeItem(atPath: state)
        } catch {
            print("not all was removed: \(error)")
        }
    }
}

/// A process that can be ended and started again.
final class NodeProcess {
    private let binary: String
    private let arguments: [String]
    private var process: Process?

    /// `nil` while it does not run.
    var pid: Int32? { process?.processIdentifier }

    init(_ binary: String, _ arguments: [String]) {
        self.binary = binary
        self.arguments = arguments
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Sends the signal and waits for its end; nothing to do if it does not run.
    func end(by signal: Int32) async throws {
        guard let process else { return }
        kill(process.processIdentifier, signal)
        try await until("it has ended", within: .seconds(60)) {
            guard !process.isRunning else { throw BenchError(description: "it runs") }
        }
        self.process = nil
    }
}
