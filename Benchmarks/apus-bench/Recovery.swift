import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
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
        let node = try NodePair(environment, port: 18_500, ["--admin-address", "none"])
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
        let app = try await node.create(spec, instances: count, parallelism: count)
        var before: [ContainerID: WallTime] = [:]
        var times: [Double] = []
        before = try await starts(node, engine)
        for round in 1...rounds {
            try await node.executor.end(by: SIGKILL)
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
