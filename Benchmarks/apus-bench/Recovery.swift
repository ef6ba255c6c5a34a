import ApusClient
import ApusContainers
import ApusModel
import ArgumentParser
import Foundation

/// From the start of an executor that was killed (-9) until all of its containers are recovered and checked.
///
/// Each container writes numbered lines all the while: none may be missing in Apus's own files afterwards, none be
/// there twice, and no container may have been restarted.
struct Recovery: AsyncParsableCommand {
    @Option(help: "Containers.") var count = 200
    @Option(help: "Kills.") var rounds = 3

    private static let limit = 5.0
    private static let script = """
        trap 'exit 0' TERM
        echo ok >/www/index.html
        httpd -p 8000 -h /www
        i=0
        while :; do i=$((i+1)); echo line $i; sleep 2; done
        """

    func run() async throws {
        let environment = try BenchEnvironment()
        let engine = DockerEngine(socketPath: environment.socket)
        let node = try NodePair(environment, port: 18_500)
        let result: Result<Void, any Error>
        do {
            try await node.ready()
            try await measure(node, engine, environment)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await node.end(engine)
        try await engine.shutdown()
        try result.get()
    }

    private func measure(_ node: NodePair, _ engine: DockerEngine, _ environment: BenchEnvironment) async throws {
        var spec = environment.spec("RECOVERY")
        spec.resources = ResourceRequirements(cores: 1, memoryMB: 16)
        spec.args = ["sh", "-c", Self.script]
        let app = try await node.create(spec, instances: count)
        var before: [ContainerID: WallTime] = [:]
        var times: [Double] = []
        before = try await starts(node, engine)
        for round in 1...rounds {
            try await node.executor.kill9()
            let begin = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            let clock = ContinuousClock()
            let start = clock.now
            try node.executor.start()
            try await until("all are recovered", within: .seconds(120), every: .milliseconds(100)) {
                let instances = try await node.api.instances(of: app)
                let checked = instances.count { $0.state == "HEALTHY" && $0.updated >= begin }
                guard checked == count else { throw BenchError(description: "\(checked) of \(count) are") }
            }
            times.append((clock.now - start).inSeconds)
            print("round \(round): \(rounded(times.last ?? .nan)) s")
        }
        let after = try await starts(node, engine)
        let untouched = before.count { after[$0.key] == $0.value }
        let faults = try await lineFaults(node, engine, app)
        show("recovery-\(count)", times.max() ?? .nan, "s", "limit \(Self.limit) s, worst of \(rounds)", Self.limit)
        show("recovery-restarted", Double(count - untouched), "containers", "none may be", .ulpOfOne)
        show("recovery-lines", Double(faults), "lines", "lost or repeated: none may be", .ulpOfOne)
    }

    private func show(_ name: String, _ value: Double, _ unit: String, _ against: String, _ limit: Double) {
        Row(name: name, value: value, unit: unit, against: against, ratio: value / limit, aim: 1).show()
    }

    /// When each container was started.
    private func starts(_ node: NodePair, _ engine: DockerEngine) async throws -> [ContainerID: WallTime] {
        var starts: [ContainerID: WallTime] = [:]
        for container in try await node.containers(engine) {
            starts[container.id] = try await engine.inspect(container.id).startedAt
        }
        return starts
    }

    /// Lines that are missing in Apus's own files, or there more than once, up to what the engine has of each container.
    private func lineFaults(_ node: NodePair, _ engine: DockerEngine, _ app: AppID) async throws -> Int {
        var faults = 0
        for container in try await node.containers(engine) {
            guard let instance = container.labels["apus.instance.id"] else { continue }
            let written = try await linesAtEngine(container.id, engine)
            let path = "\(node.state)/executor/executor/logs/applications/\(app)/\(instance)/output.log"
            var numbers: [Int] = []
            try await until("the output of \(instance) is written", within: .seconds(20)) {
                let text = try String(contentsOfFile: path, encoding: .utf8)
                numbers = text.split(separator: "\n").compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
                guard numbers.count >= written else { throw BenchError(description: "\(numbers.count) of \(written)") }
            }
            faults += zip(numbers, 1...numbers.count).count { $0 != $1 }
        }
        return faults
    }

    private func linesAtEngine(_ container: ContainerID, _ engine: DockerEngine) async throws -> Int {
        let count = Count()
        try await engine.logs(of: container, since: nil, following: false) { bytes in
            await count.add(bytes.count { $0 == UInt8(ascii: "\n") })
        }
        return await count.value
    }
}

private actor Count {
    private(set) var value = 0

    func add(_ more: Int) { value += more }
}

/// A controller and an executor in processes of their own.
private final class NodePair {
    let api: APIClient
    let state: String
    let controller: NodeProcess
    let executor: NodeProcess

    init(_ environment: BenchEnvironment, port: Int) throws {
        state = NSTemporaryDirectory() + "apus-bench-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let url = "http://127.0.0.1:\(port)"
        api = APIClient(endpoint: url)
        let quiet = ["--log-level", "warning", "--admin-address", "none"]
        controller = NodeProcess(
            environment.binary,
            ["controller", "--state", "\(state)/controller", "--address", "127.0.0.1:\(port)"] + quiet
        )
        // Each core is handed out so many times that all of them fit on a small machine.
        executor = NodeProcess(
            environment.binary,
            [
                "executor", "--state", "\(state)/executor", "--address", "127.0.0.1:\(port + 1)", "--controllers", url,
                "--docker-socket", environment.socket, "--multiplier", "256",
            ] + quiet
        )
        try controller.start()
        try executor.start()
    }

    func ready() async throws {
        try await until("the executor takes work", within: .seconds(30)) {
            let executors = try await api.executorSummaries()
            guard executors.first?.state == "ACTIVE" else {
                throw BenchError(description: "\(executors.count) are there")
            }
        }
    }

    func create(_ spec: ApplicationSpec, instances: Int) async throws -> AppID {
        let app = try await api.operate([
            "type": "CREATE", "spec": spec.json, "instances": .integer(Int64(instances)),
            "opSpec": ["timeout": "15m", "parallelism": .integer(Int64(instances)), "failureStrategy": "STOP"],
        ])
        try await until("\(instances) are healthy", within: .seconds(600), every: .seconds(1)) {
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

    /// Ends both and removes their containers.
    func end(_ engine: DockerEngine) async {
        do {
            try await executor.kill9()
            try await controller.kill9()
            for container in try await containers(engine) {
                try await engine.remove(container.id, force: true, volumes: true)
            }
            try FileManager.default.removeItem(atPath: state)
        } catch {
            print("not all was removed: \(error)")
        }
    }
}

/// A process that can be killed and started again.
private final class NodeProcess {
    private let binary: String
    private let arguments: [String]
    private var process: Process?

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

    func kill9() async throws {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        try await until("it has ended", within: .seconds(10)) {
            guard !process.isRunning else { throw BenchError(description: "it runs") }
        }
        self.process = nil
    }
}
