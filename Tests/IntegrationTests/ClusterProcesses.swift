import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation

/// A controller and an executor in processes of their own, on a real Docker engine.
///
/// `close` ends them and removes their containers; call it whatever happens (`withProcesses` does).
final class ClusterProcesses: Sendable {
    let api: APIClient
    let engine: DockerEngine
    /// Holds both state directories and logs.
    var folder: String { scratch.path }
    let address: String
    let executorAddress: String
    /// Stands for the engine's socket, so that a test can take the engine away from its executor.
    let socketLink: String
    let controller: ApusProcess
    let executor: ApusProcess
    private let scratch: TemporaryFolder
    private let socket: String
    /// Of all processes.
    private let shared: [String]

    /// `arguments` are more of the controller's, and `shared` of all; `credentials` are those of a user that they name.
    init(arguments: [String] = [], shared: [String] = [], as credentials: Credentials? = nil) throws {
        self.shared = shared
        socket = try needed("APUS_TEST_DOCKER_SOCKET")
        scratch = try TemporaryFolder()
        let folder = scratch.path
        address = "127.0.0.1:\(try freePort())"
        executorAddress = "127.0.0.1:\(try freePort())"
        socketLink = "\(folder)/engine.sock"
        api = APIClient(endpoint: "http://\(address)", as: Caller(credentials))
        engine = DockerEngine(socketPath: socket)
        controller = try ApusProcess(
            ["controller", "--state", "\(folder)/controller", "--address", address] + arguments + shared,
            log: "\(folder)/controller.log"
        )
        executor = try ApusProcess(
            Self.executorArguments(folder, executorAddress, ["--controllers", "http://\(address)"] + shared),
            log: "\(folder)/executor.log"
        )
        try connectEngine()
    }

    /// An executor's command line on this folder, with other controllers, say.
    func executorArguments(_ more: [String]) -> [String] {
        Self.executorArguments(folder, executorAddress, more + shared)
    }

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
        try await until("the executor is a member") {
            let count = try await self.api.cluster()["numExecutors"]
            try check(count == 1, "numExecutors is \(String(describing: count))")
        }
    }

    /// Ends more executors on the same engine after the body, which starts them; each has its number in its directory.
    func withExecutors(_ numbers: ClosedRange<Int>, _ body: ([ApusProcess]) async throws -> Void) async throws {
        let others = try numbers.map { number in
            try ApusProcess(
                [
                    "executor", "--state", "\(folder)/executor-\(number)", "--address",
                    "127.0.0.1:\(try freePort())", "--docker-socket", socketLink, "--multiplier", "16",
                    "--controllers", "http://\(address)",
                ] + shared,
                log: "\(folder)/executor-\(number).log"
            )
        }
        do {
            try await body(others)
        } catch {
            for other in others { await other.kill9() }
            throw error
        }
        for other in others { await other.kill9() }
    }

    /// The cluster's id; `nil` until the executor has joined it.
    var cluster: String? {
        get throws {
            let path = "\(folder)/executor/cluster"
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// All containers of this cluster, stopped ones too.
    func containers() async throws -> [ContainerSummary] {
        guard let cluster = try cluster else { return [] }
        return try await engine.list(labels: ["apus.cluster": cluster]).sorted { $0.id < $1.id }
    }

    func close() async {
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        await Task { [self] in
            await executor.kill9()
            await controller.kill9()
            for container in (try? await containers()) ?? [] {
                try? await engine.remove(container.id, force: true, volumes: true)
            }
            try? await engine.shutdown()
            scratch.remove()
        }.value
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
        let logs = { [self] in
            [controller, executor].map { $0.said.split(separator: "\n").suffix(20).joined(separator: "\n") }
                .joined(separator: "\n----\n")
        }
        try await until(what, within: limit, log: logs, attempt)
    }
}

/// Runs a test against two processes of its own and cleans up after it, also when it fails.
func withProcesses(
    arguments: [String] = [],
    shared: [String] = [],
    as credentials: Credentials? = nil,
    _ body: (ClusterProcesses) async throws -> Void
) async throws {
    let cluster = try ClusterProcesses(arguments: arguments, shared: shared, as: credentials)
    do {
        try await body(cluster)
    } catch {
        await cluster.close()
        throw error
    }
    await cluster.close()
}
