import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import ArgumentParser
import Foundation

/// What 200 idle containers cost an executor and the engine's processes, and the engine's alone without Apus.
///
/// Controller and executor are processes of their own. Each container answers a check every ten seconds, and is measured
/// every thirty.
struct Stats: AsyncParsableCommand {
    @Option(help: "Containers.") var count = 200
    @Option(help: "Seconds that are measured.") var seconds = 90

    /// In percent of a core.
    private static let executorLimit = 3.0
    private static let engineLimit = 10.0

    func run() async throws {
        let environment = try BenchEnvironment()
        let engine = DockerEngine(socketPath: environment.socket)
        let cluster = try NodePair(environment, port: 18_400)
        let result: Result<Void, any Error>
        do {
            try await measure(cluster, environment)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await cluster.end(engine)
        try await engine.shutdown()
        try result.get()
    }

    private func measure(_ cluster: NodePair, _ environment: BenchEnvironment) async throws {
        try await cluster.ready()
        var spec = environment.spec("IDLE")
        spec.resources = ResourceRequirements(cores: 1, memoryMB: 16)
        spec.healthcheck.interval = DurationText(10, .seconds)
        _ = try await cluster.create(spec, instances: count, parallelism: 8)
        let folder = (environment.socket as NSString).deletingLastPathComponent
        let engine = try EngineProcesses(below: folder)
        // Past the start's own work and the first measurements.
        try await Task.sleep(for: .seconds(60))
        let with = try await used(by: engine, and: cluster.executor.pid)
        try await cluster.stop()
        try await Task.sleep(for: .seconds(10))
        let without = try await used(by: engine, and: nil)
        print(
            "with Apus: executor \(rounded(with.executor)) %, \(with.engine.words); "
                + "without: \(without.engine.words) (of one core, \(count) containers, \(seconds) s)"
        )
        show("stats-executor", with.executor, against: "limit \(Self.executorLimit) %", limit: Self.executorLimit)
        show(
            "stats-engine-more",
            max(0, with.engine.sum - without.engine.sum),
            against: "limit \(Self.engineLimit) % over \(rounded(without.engine.sum)) % without Apus",
            limit: Self.engineLimit
        )
    }

    private func show(_ name: String, _ value: Double, against: String, limit: Double) {
        Row(name: name, value: value, unit: "%", against: against, ratio: value / limit, aim: 1).show()
    }

    private struct Usage {
        var executor: Double
        var engine: EngineProcesses.Usage
    }

    /// Percent of one core.
    private func used(by engine: EngineProcesses, and executor: Int32?) async throws -> Usage {
        let clock = ContinuousClock()
        let began = clock.now
        let before = (try executor.map(processorSeconds) ?? 0, try engine.seconds())
        try await Task.sleep(for: .seconds(seconds))
        let after = (try executor.map(processorSeconds) ?? 0, try engine.seconds())
        let span = (clock.now - began).inSeconds
        return Usage(executor: (after.0 - before.0) / span * 100, engine: (after.1 - before.1) / span)
    }
}

/// The processes of one Docker engine.
private struct EngineProcesses {
    /// Processor time of each kind, in seconds or percent.
    struct Usage {
        var dockerd: Double
        var containerd: Double
        var shims: Double

        var sum: Double { dockerd + containerd + shims }
        var words: String {
            "dockerd \(rounded(dockerd)) %, containerd \(rounded(containerd)) %, its shims \(rounded(shims)) %"
        }

        static func - (left: Self, right: Self) -> Self {
            Usage(
                dockerd: left.dockerd - right.dockerd,
                containerd: left.containerd - right.containerd,
                shims: left.shims - right.shims
            )
        }

        static func / (usage: Self, span: Double) -> Self {
            Usage(
                dockerd: usage.dockerd / span * 100,
                containerd: usage.containerd / span * 100,
                shims: usage.shims / span * 100
            )
        }
    }

    private var dockerd: [Int32] = []
    private var containerd: [Int32] = []
    private var shims: [Int32] = []

    /// All whose command names something below the engine's folder.
    init(below folder: String) throws {
        for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let pid = Int32(entry), let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
            else { continue }
            let words = String(decoding: bytes, as: UTF8.self).split(separator: "\0")
            guard let name = words.first?.split(separator: "/").last, words.contains(where: { $0.contains(folder) })
            else { continue }
            switch name {
            case "dockerd": dockerd.append(pid)
            case "containerd": containerd.append(pid)
            case _ where name.hasPrefix("containerd-shim"): shims.append(pid)
            default: break
            }
        }
        guard dockerd.count == 1, containerd.count == 1, !shims.isEmpty else {
            throw BenchError(description: "found \(dockerd), \(containerd), \(shims.count) shims below \(folder)")
        }
    }

    func seconds() throws -> Usage {
        Usage(
            dockerd: try dockerd.reduce(0) { try $0 + processorSeconds(of: $1) },
            containerd: try containerd.reduce(0) { try $0 + processorSeconds(of: $1) },
            shims: try shims.reduce(0) { try $0 + processorSeconds(of: $1) }
        )
    }
}

/// The processor time that a process has had, in seconds.
private func processorSeconds(of pid: Int32) throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    // The name may hold anything; what follows it are numbers.
    let words = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else {
        throw BenchError(description: "/proc/\(pid)/stat does not tell its time")
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
}
