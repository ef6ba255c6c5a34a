import ApusClient
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests {
    /// With schemathesis of PyPI as it is, so the test needs PyPI (or a pip that knows another index).
    @Test(.timeLimit(.minutes(Schemathesis.seconds / 60 + 3)))
    func `schemathesis finds no 5xx, and no answer that the API's document does not describe`() async throws {
        let users = try UsersFile()
        defer { users.remove() }
        try await withDevCluster(arguments: ["--users", users.path], as: UsersFile.credentials) { cluster in
            let schemathesis = try Schemathesis(of: cluster, document: try await describedWithLiveIDs(cluster))
            defer { schemathesis.close() }
            let deadline = ContinuousClock.now + .seconds(Schemathesis.seconds)
            for pass in Schemathesis.Pass.allCases { try await schemathesis.run(pass, until: deadline) }
            #expect(cluster.isRunning, "\(cluster.logTail)")
            try await cluster.api.ping()
        }
    }

    /// The document as it is served, whose ids may also be those of what runs: only they lead far into the API.
    private func describedWithLiveIDs(_ cluster: DevCluster) async throws -> JSON {
        var memory: Int64 = 0
        try await cluster.eventually("the executor offers its memory") {
            memory = try await cluster.api.cluster().integer("totalMemory")
            try check(memory > 0, "not yet")
        }
        // Four have room: whatever is asked for, few containers run.
        let app = try await cluster.deploy(large(service("TEST_APP"), memory / 5), instances: 2)
        try await cluster.settle(app, at: 2)
        let local = large(service("TEST_LOCAL_SERVICE"), 32, policy: ["type": "LOCAL"])
        let service = ServiceID("TEST_LOCAL_SERVICE-1")
        try await cluster.api.operateService(["type": "CREATE", "spec": local, "instancesPerHost": 1])
        try await cluster.api.operateService(["type": "ACTIVATE", "serviceId": service.json])
        try await cluster.eventually("the local service is healthy") {
            try check(try await cluster.api.service(service).healthy == 1, "not yet")
        }
        let (running, ended) = (TaskID(source: "TEST_APP", name: "T0012"), TaskID(source: "TEST_APP", name: "T0001"))
        for (task, script) in [(running, "sleep 3600"), (ended, "echo done")] {
            let spec = shellTask(task, script)
            try await cluster.api.operateTask([
                "type": "CREATE", "spec": spec, "opSpec": DevCluster.opSpec(parallelism: 1),
            ])
        }
        #expect(try await cluster.ended(ended).result == "SUCCESSFUL 0")

        let instances = try await cluster.api.instances(of: app).map(\.id.rawValue)
        let others = try await cluster.api.instances(of: service).map(\.id.rawValue)
        let text = try await get("\(cluster.api.endpoint)/openapi/openapi.json")
        return try JSON(parsing: Array(text.utf8)).alsoNaming([
            "AppId": [app.rawValue], "ServiceId": [service.rawValue],
            "ExecutorId": try await cluster.api.executorSummaries().map(\.id.rawValue),
            "InstanceId": instances + others + [running.name], "SourceAppName": [running.source],
            "TaskName": [running.name, ended.name], "LogOwner": [app.rawValue, service.rawValue, running.source],
            "LogFile": ["output.log"],
        ])
    }

    private func large(_ spec: JSON, _ memory: Int64, policy: JSON = ["type": "ANY"]) -> JSON {
        guard case .object(let members) = spec else { return spec }
        let resources: JSON = [["type": "CPU", "count": 1], ["type": "MEMORY", "sizeInMB": .integer(memory)]]
        return .object(
            members.filter { !["resources", "placementPolicy"].contains($0.key) }
                + [JSON.Member("resources", resources), JSON.Member("placementPolicy", policy)]
        )
    }
}

/// The `schemathesis` command with a document of its own.
private struct Schemathesis {
    /// What is tried in one go, one after the other: what takes work away comes last.
    enum Pass: CaseIterable {
        case reading, changing, takingAway

        private static let last = "/cluster/(maintenance|executors|restored|strays)/"

        var filter: [String] {
            switch self {
            case .reading: ["--include-method", "GET"]
            case .changing: ["--exclude-method", "GET", "--exclude-path-regex", Self.last]
            case .takingAway: ["--exclude-method", "GET", "--include-path-regex", Self.last]
            }
        }

        /// Of a body alone thousands of cases cover it.
        var phases: String {
            self == .changing && Schemathesis.examples <= 25 ? "examples,fuzzing" : "examples,coverage,fuzzing"
        }
    }

    /// Of each operation.
    static let examples = ProcessInfo.processInfo.environment["APUS_SCHEMATHESIS_EXAMPLES"].flatMap { Int($0) } ?? 25
    /// For all passes together; more only for more examples.
    static let seconds = max(300, examples * 18)

    private static let checks = [
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance", "unsupported_method",
    ]

    /// What follows something ends by the server's own limit, at once.
    private static let configuration = """
        [cache]
        enabled = false

        [[operations]]
        include-path = "/apis/v1/cluster/events/stream"
        parameters = { "query.timeout" = 0 }

        [[operations]]
        include-path-regex = "/read/"
        parameters = { "query.wait" = 0 }
        """

    private let program: String
    private let scratch: TemporaryFolder
    private var folder: String { scratch.path }
    private let endpoint: String

    init(of cluster: DevCluster, document: JSON) throws {
        program = try PythonPackage.schemathesis.get() + "/schemathesis"
        endpoint = cluster.api.endpoint
        scratch = try TemporaryFolder()
        try Data(document.bytes).write(to: URL(fileURLWithPath: "\(folder)/openapi.json"))
        try Data(Self.configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/schemathesis.toml"))
    }

    func close() { scratch.remove() }

    /// Tries all of a pass.
    ///
    /// Without security parameters of its own: wrong passwords would lock this address out. With one worker: what makes
    /// its examples is not made for several.
    func run(_ pass: Pass, until deadline: ContinuousClock.Instant) async throws {
        let process = try ApusProcess(
            [
                "--config-file", "\(folder)/schemathesis.toml", "--no-color", "run", "\(folder)/openapi.json",
                "--url", endpoint, "--checks", Self.checks.joined(separator: ","), "--phases", pass.phases,
                "--max-examples", "\(Self.examples)", "--generation-deterministic",
                "--generation-with-security-parameters", "false", "--suppress-health-check", "all",
                "--warnings", "off", "--request-timeout", "20", "--workers", "1",
            ] + pass.filter + ["--auth", "\(UsersFile.name):\(UsersFile.password)"],
            log: "\(folder)/\(pass).log",
            program: program
        )
        try process.start(environment: ["HYPOTHESIS_STORAGE_DIRECTORY": folder, "PYTHONWARNINGS": "ignore"])
        let left = max(1, Int((deadline - .now).components.seconds))
        let code = await process.end(within: left)
        #expect(code == 0, "\(pass) ended with \(code), \(left) s were left:\n\(process.said.suffix(20_000))")
    }
}

extension JSON {
    /// The document with these values beside what its schemas of these names take.
    fileprivate func alsoNaming(_ known: [String: [String]]) throws -> JSON {
        try changing("components") { components in
            try components.changing("schemas") { schemas in
                try known.keys.sorted().reduce(schemas) { all, name in
                    let values = JSON.array((known[name] ?? []).map { .string($0) })
                    return try all.changing(name) { ["anyOf": [["type": "string", "enum": values], $0]] }
                }
            }
        }
    }

    private func changing(_ key: String, _ change: (JSON) throws -> JSON) throws -> JSON {
        guard case .object(var members) = self, let index = members.firstIndex(where: { $0.key == key }) else {
            throw Unfulfilled("the document has no \(key)")
        }
        members[index].value = try change(members[index].value)
        return .object(members)
    }
}
