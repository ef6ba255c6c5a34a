import ApusAgent
import ApusClient
import ApusController
import ApusExecutor
import ApusModel

extension FuzzTarget {
    /// Files of a machine and of a user.
    static func files(_ corpus: Corpus) -> [FuzzTarget] {
        [
            once("yaml", [yaml, Samples.application, "a: &x [1, 2]\nb: *x\n---\n- |\n  text\n- ~\n"]) { bytes in
                for json in try Self.documents(bytes) {
                    let again = try JSON(parsing: json.bytes)
                    guard again == json else { throw Broken("what it says is something else as JSON") }
                }
                return true
            },
            once("wanted-document", [yaml, Samples.application, Samples.task, Samples.service]) { bytes in
                try Self.documents(bytes).allSatisfy { json in
                    if case .success = WantedDocument.read(json, at: "a.yaml") { true } else { false }
                }
            },
            once("machine-limits", [limits]) { bytes in
                for json in try Self.documents(bytes) { _ = try MachineLimits(json: json) }
                return true
            },
            once("registries", [registries, #"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#]) { bytes in
                for json in try Self.documents(bytes) { _ = try RegistryList.all(in: json, of: "registries.yaml") }
                return true
            },
            once("user-list", [userList]) { bytes in
                for json in try Self.documents(bytes) { _ = try UserList(json: json) }
                return true
            },
            once("settings-file", [settings]) { try isConfiguration(String(decoding: $0, as: UTF8.self)) },
            once("drove-file", [contexts]) { bytes in
                let file = try DroveFile(String(decoding: bytes, as: UTF8.self))
                _ = try file.cluster()
                for name in file.names.prefix(8) { _ = try file.cluster(name) }
                return true
            },
            once("context-file", [contexts]) { bytes in
                let file = try ContextFile(parsing: String(decoding: bytes, as: UTF8.self))
                return file.current != nil || !file.contexts.isEmpty
            },
            json(
                "node-identity",
                corpus,
                [#"{"schema":1,"key":"k","incarnation":3}"#],
                read: { try DurableIdentity(json: $0) },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            json(
                "fetched-images",
                corpus,
                [#"{"schema":1,"images":{"a:1":"sha256:00"},"replaced":["sha256:01"],"coming":["a:2"]}"#],
                read: { try FetchedImages(json: $0) },
                write: \.json,
                isSame: { $0 == $1 }
            ),
            once("declared-topology", corpus, [topology]) { _ = try Topology.declared(by: $0) },
            text(
                "journal",
                corpus.journals,
                read: { try JournalReading($0).records },
                write: { $0.flatMap(JournalLine.line) },
                isSame: { $0 == $1 }
            ),
        ]
    }

    /// Whatever a file says, it comes to arguments, and what another file holds is not shown.
    private static func isConfiguration(_ text: String) throws -> Bool {
        let secret = "not-to-be-shown"
        let substitution = Substitution(environment: ["NAME": "value"], host: "node1") { _ in Array(secret.utf8) }
        var sources = EffectiveSettings.Sources(environment: [:], prefix: "APUS_", substitution: substitution)
        (sources.path, sources.file) = ("node.yaml", try SettingsFile.settings(in: text, of: "node.yaml"))
        let options = [
            SettingOption("address", .value), SettingOption("pinned", .flag), SettingOption("zone", .value),
            SettingOption("tag", .list(ofPairs: false)), SettingOption("metadata", .list(ofPairs: true)),
        ]
        let settings = try EffectiveSettings(options, words: ["--zone", "z"], sources: sources)
        let shown = settings.all.flatMap(\.texts).map(\.shown)
        guard text.contains(secret) || !shown.contains(where: { $0.contains(secret) }) else {
            throw Broken("what another file holds is shown")
        }
        return settings.arguments.count > 2
    }

    private static func documents(_ bytes: [UInt8]) throws -> [JSON] {
        let documents = try JSON.documents(yaml: String(decoding: bytes, as: UTF8.self))
        guard !documents.isEmpty else { throw JSONError("nothing in it") }
        return documents
    }

    private static let yaml = """
        sourceAppName: JOBS
        taskId: T1
        executable: {type: DOCKER, url: "job:1", dockerPullTimeout: 100s}
        resources:
          - type: CPU
            count: 1
          - {type: MEMORY, sizeInMB: 128}
        env: &env
          TEXT: |
            two
            lines
        """
    private static let settings = """
        # a node's
        address: ${host:-localhost}:11000
        pinned: true
        tag: [ssd, "${env:NAME}", "${env:OTHER:-edge}"]
        metadata: {rack: r7, serial: "${file:/serial:-none} $$"}
        """
    private static let limits = """
        images: [registry.example.com/, "busybox:1"]
        users: [1000, "1000:1000"]
        volumes: [/data]
        devices: [/dev/fuse]
        arguments: false
        fetches: ["config.example.com:8080", "[fd00::7]:80"]
        largest: {cores: 4, memoryMB: 4096}
        """
    private static let topology = """
        {"nodes":[{"id":0,"cores":[0,1,2],"memoryMB":4096,"siblings":[[0,2]]},{"id":1,"cores":[3],"memoryMB":4096}]}
        """
    private static let registries = """
        registry.example.com:5000:
          username: apus
          password: secret
        """
    private static let userList = """
        userAuth:
          enabled: true
          encoding: CRYPT
          users:
            - {username: joe, password: "\(Samples.hash)", role: EXTERNAL_READ_ONLY}
        """
    private static let contexts = """
        [DEFAULT]
        current_cluster = home
        host = localhost
        ; a comment
        [home]
        endpoint = http://%(host)s:10000
        username: joe
        password = 100%%
        [other one]
        endpoint = https://a
        insecure = true
        """

    /// What comes over HTTP beside specifications.
    static func calls(_ corpus: Corpus) -> [FuzzTarget] {
        [
            text(
                "exec-request",
                ["command=sh&command=-c&command=echo%20hi&tty=true&stdin=false&user=1:2&workdir=/tmp&env=A=b"],
                read: { bytes in
                    try ExecRequest(query: APICall("POST", "/?" + String(decoding: bytes, as: UTF8.self)).query)
                },
                write: { request in
                    let pairs = request.query.map { "\($0.name)=\(Self.escaped($0.value))" }
                    return Array(pairs.joined(separator: "&").utf8)
                },
                isSame: { $0 == $1 }
            ),
            once("server-sent-events", ["id: 1-2\nevent: a\ndata: {}\ndata: x\n\n: still here\nid: 1-3\r\n\r\n"]) {
                bytes in
                var events = ServerSentEvents()
                let (first, second) = (bytes.prefix(bytes.count / 2), bytes.dropFirst(bytes.count / 2))
                return try !(events.take(first) + events.take(second)).isEmpty
            },
            once("application-summary", corpus) { _ = try ApplicationSummary(json: $0) },
            once("service-summary", corpus, [serviceSummary]) { _ = try ServiceSummary(json: $0) },
            once("task-summary", corpus) { _ = try TaskSummary(json: $0) },
            once("executor-summary", corpus) { _ = try ExecutorSummary(json: $0) },
            once("instance-summary", corpus, [instanceSummary]) { _ = try InstanceSummary(json: $0) },
            once("event-summary", corpus, [#"{"type":"X","time":1753000000000,"metadata":{}}"#]) {
                _ = try EventSummary(json: $0)
            },
            once("audit-answer", corpus, [auditAnswer]) { _ = try AuditAnswer(json: $0) },
        ]
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static let instanceSummary = """
        {"instanceId":"AI-1","executorId":"E","localInfo":{"hostname":"h","ports":{"main":{"containerPort":8000,\
        "hostPort":32768,"portType":"HTTP"}}},"state":"HEALTHY","errorMessage":"","created":1753000000000,\
        "updated":1753000000000}
        """
    private static let auditAnswer = """
        {"records":[{"sequence":1,"time":1753000000000,"actor":{"name":"joe","source":"10.1.2.3"},"action":"SCALE",\
        "subject":{"id":"web-1"},"outcome":"ACCEPTED","reason":"","operation":{"type":"SCALE","subject":"web-1",\
        "askedBy":"joe"}}],"next":1,"last":1}
        """
    private static let serviceSummary = """
        {"id":"web-1","name":"web","activationState":"ACTIVE","state":"ACTIVE","instancesPerHost":1,\
        "wantedInstances":1,"liveInstances":1,"healthyInstances":1,"obstacles":[{"hostname":"h","reason":"full"}]}
        """

    /// Who says who they are.
    static func logins() async throws -> [FuzzTarget] {
        let tokens = try InstanceTokens(record: try JSON(parsing: Samples.tokens))
        await tokens.prepare()
        let sound = try await tokens.token(
            of: InstanceID("AI-1"),
            .application(AppID("web-1")),
            on: ExecutorID("E"),
            at: WallTime(milliseconds: 1_753_000_000_000)
        )
        return [
            once("basic-login", ["Basic am9lOnNlY3JldA==", "basic Og=="]) {
                BasicLogin(header: String(decoding: $0, as: UTF8.self)) != nil
            },
            FuzzTarget("instance-token", [Array((sound ?? "").utf8)]) { bytes in
                await tokens.claim(of: String(decoding: bytes, as: UTF8.self)) == nil ? .refused : .taken
            },
            once("password-hash", [Samples.hash]) { bytes in
                PasswordHash(String(decoding: bytes, as: UTF8.self)) != nil
            },
        ]
    }
}
