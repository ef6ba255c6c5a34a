import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Foundation

/// A controller and an executor that other machines can reach: with users, node secrets and TLS.
final class SecureCluster: Sendable {
    static let password = "a password of the tests"
    static let secret = "secret-of-the-tests-0123456789"

    let host: String
    var folder: String { scratch.path }
    let port: Int
    let executorPort: Int
    let trust: ServerTrust
    let api: APIClient
    let engine: DockerEngine
    let controller: ApusProcess
    let executor: ApusProcess
    private let scratch: TemporaryFolder
    private let security: [String]

    init(at host: String) async throws {
        self.host = host
        scratch = try TemporaryFolder()
        let folder = scratch.path
        (port, executorPort) = (try freePort(), try freePort())
        let authority = try await TestAuthority(in: folder)
        let issued = try await authority.issue("node", for: ["IP:\(host)"])
        trust = try ServerTrust(authorities: Array(try Data(contentsOf: URL(fileURLWithPath: authority.certificate))))
        let caller = Caller(.basic(username: "root", password: Self.password), trusting: trust)
        api = APIClient(endpoint: "https://\(host):\(port)", as: caller)
        let socket = try needed("APUS_TEST_DOCKER_SOCKET")
        engine = DockerEngine(socketPath: socket)
        let users = """
            {"enabled":true,"encoding":"PLAIN","users":[{"username":"root","password":"\(Self.password)",\
            "role":"EXTERNAL_ROOT"}]}
            """
        try Self.put(users, "\(folder)/users")
        try Self.put(Self.secret, "\(folder)/secrets")
        security = [
            "--hostname", host, "--node-secret-file", "\(folder)/secrets", "--tls-certificate", issued.certificate,
            "--tls-key", issued.key, "--ca-certificate", authority.certificate,
        ]
        controller = try ApusProcess(
            [
                "controller", "--state", "\(folder)/controller", "--address", "\(host):\(port)", "--users",
                "\(folder)/users",
            ]
                + security,
            log: "\(folder)/controller.log"
        )
        executor = try ApusProcess(
            [
                "executor", "--state", "\(folder)/executor", "--address", "\(host):\(executorPort)", "--docker-socket",
                socket, "--multiplier", "16", "--controllers", "https://\(host):\(port)",
            ] + security,
            log: "\(folder)/executor.log"
        )
    }

    /// Puts a file whole into its place that only its owner can read.
    static func put(_ text: String, _ path: String) throws {
        try text.write(toFile: "\(path).new", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(path).new")
        try check(rename("\(path).new", path) == 0, "\(path) cannot be put in its place")
    }

    func eventually(_ what: String, _ attempt: () async throws -> Void) async throws {
        try await until(what, log: { [self] in controller.logTail + "\n----\n" + executor.logTail }, attempt)
    }

    /// A client of a node that shows this secret.
    func node(_ secret: String) throws -> Caller {
        let secrets = try NodeSecrets([secret])
        return Caller(node: "test", secrets: { secrets }, trusting: trust)
    }

    func close() async {
        // proof: it is awaited here; a task of its own because a test over its time is cancelled, and with it all awaiting.
        await Task { [self] in
            await executor.kill9()
            await controller.kill9()
            let cluster = (try? String(contentsOfFile: "\(folder)/executor/cluster", encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines)
            if let cluster {
                for container in (try? await engine.list(labels: ["apus.cluster": cluster])) ?? [] {
                    try? await engine.remove(container.id, force: true, volumes: true)
                }
            }
            try? await engine.shutdown()
            scratch.remove()
        }.value
    }
}
