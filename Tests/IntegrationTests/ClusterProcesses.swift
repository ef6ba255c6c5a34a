import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Glibc
import Testing

/// One real `apus` process with a log of its own.
final class ApusProcess {
    let log: String
    private let binary: String
    private let arguments: [String]
    private var process: Process?

    init(_ arguments: [String], log: String) throws {
        binary = try needed("APUS_TEST_BINARY")
        self.arguments = arguments
        self.log = log
    }

    /// `changed` takes the place of the arguments that it was made with, for this start.
    func start(_ changed: [String]? = nil) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = changed ?? arguments
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

    var isRunning: Bool { process?.isRunning ?? false }
    var said: String { FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// `kill -9`, and its end awaited.
    func kill9() {
        guard let process else { return }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        self.process = nil
    }

    /// SIGTERM; its exit code.
    func terminate() -> Int32 {
        process?.terminate()
        return end()
    }

    /// Waits for an end that comes by itself; its exit code.
    func end() -> Int32 {
        guard let process else { return -1 }
        process.waitUntilExit()
        self.process = nil
        return process.terminationStatus
    }
}

/// A controller and an executor in processes of their own, on a real Docker engine.
///
/// `close` ends them and removes their containers; call it whatever happens (`withProcesses` does).
final class ClusterProcesses {
    let api: APIClient
    let engine: DockerEngine
    /// Holds both state directories and logs.
    let folder: String
    let address: String
    let executorAddress: String
    /// Stands for the engine's socket, so that a test can take the engine away from its executor.
    let socketLink: String
    let controller: ApusProcess
    let executor: ApusProcess
    private let socket: String

    init() throws {
        socket = try needed("APUS_TEST_DOCKER_SOCKET")
        folder = NSTemporaryDirectory() + "apus-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        address = "127.0.0.1:\(try freePort())"
        executorAddress = "127.0.0.1:\(try freePort())"
        socketLink = "\(folder)/engine.sock"
        api = APIClient(endpoint: "http://\(address)")
        engine = DockerEngine(socketPath: socket)
        controller = try ApusProcess(
            ["controller", "--state", "\(folder)/controller", "--address", address],
            log: "\(folder)/controller.log"
        )
        executor = try ApusProcess(
            Self.executorArguments(folder, executorAddress, ["--controllers", "http://\(address)"]),
            log: "\(folder)/executor.log"
        )
        try connectEngine()
    }

    /// An executor's command line on this folder, with other controllers, say.
    func executorArguments(_ more: [String]) -> [String] { Self.executorArguments(folder, executorAddress, more) }

    private static func executorArguments(_ folder: String, _ address: String, _ more: [String]) -> [String] {
        [
            "executor", "--state", "\(folder)/executor", "--address", address, "--docker-socket",
            "\(folder)/engine.sock", "--multiplier", "16",
        ] + more
    }

    func connectEngine() throws {
        try FileManager.default.createSymbolicLink(atPath: socketLink, withDestinationPath: socket)
    }

    func disconnectEngine() throws { try FileManager.default.removeItem(atPath: socketLink) }

    /// Starts both and waits until there is an executor to place work on.
    func startAndMeet() async throws {
        try controller.start()
        try executor.start()
        try await meet()
    }

    func meet() async throws {
        try await eventually("the executor is a member") {
            let count = try await self.api.cluster()["numExecutors"]
            try check(count == 1, "numExecutors is \(String(describing: count))")
        }
    }

    /// All containers of this cluster, stopped ones too.
    func containers() async throws -> [ContainerSummary] {
        let path = "\(folder)/executor/cluster"
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let cluster = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return try await engine.list(labels: ["apus.cluster": cluster]).sorted { $0.id < $1.id }
    }

    func close() async {
        executor.kill9()
        controller.kill9()
        for container in (try? await containers()) ?? [] {
            try? await engine.remove(container.id, force: true, volumes: true)
        }
        try? await engine.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: asking

    func deploy(_ spec: JSON, instances: Int) async throws -> AppID {
        let app = try await api.operate([
            "type": "CREATE", "spec": spec, "instances": .integer(Int64(instances)),
            "opSpec": DevCluster.opSpec(parallelism: 10),
        ])
        try await settle(app, at: instances)
        return app
    }

    func scale(_ id: AppID, to count: Int) async throws {
        _ = try await api.operate([
            "type": "SCALE", "appId": id.json, "requiredInstances": .integer(Int64(count)),
            "opSpec": DevCluster.opSpec(parallelism: 10),
        ])
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
                    let logs = [controller, executor].map { $0.said.split(separator: "\n").suffix(20) }
                    throw Unfulfilled(
                        description: "not within \(limit): \(what) (\(error))\n"
                            + logs.map { $0.joined(separator: "\n") }.joined(separator: "\n----\n")
                    )
                }
                // deadline: above.
                try await ContinuousClock().sleep(for: .milliseconds(100))
            }
        }
    }
}

/// Runs a test against two processes of its own and cleans up after it, also when it fails.
func withProcesses(_ body: (ClusterProcesses) async throws -> Void) async throws {
    let cluster = try ClusterProcesses()
    do {
        try await body(cluster)
    } catch {
        await cluster.close()
        throw error
    }
    await cluster.close()
}

private func needed(_ name: String) throws -> String {
    try #require(
        ProcessInfo.processInfo.environment[name],
        "\(name) is not set; scripts/test starts what this test needs and sets it"
    )
}

private func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
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
