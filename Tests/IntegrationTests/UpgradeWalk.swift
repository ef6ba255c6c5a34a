import ApusClient
import ApusContainers
import ApusModel
import Testing

/// A cluster of the previous version, whose processes are replaced one after the other; after each it is asked for more.
struct UpgradeWalk {
    static let long = TaskID(source: "JOBS", name: "LONG")
    private static let steady = AppID("STEADY-1")
    /// Its expected count changes with each step.
    private static let scaled = AppID("SCALED-1")
    private static let local = ServiceID("LOCAL-1")

    private let cluster: ClusterProcesses
    private let executors: [ApusProcess]
    private let previous: String
    private var steps = 0
    /// Expected counts that were accepted.
    private var counts: [AppID: Int] = [:]
    /// Those that were accepted, as they log in.
    private var users: [Credentials] = []
    /// The containers that nobody asks to end.
    private var lasting: Set<ContainerID> = []

    init(on cluster: ClusterProcesses, executors: [ApusProcess], from previous: String) {
        self.cluster = cluster
        self.executors = executors
        self.previous = previous
    }

    /// Starts all processes, of the previous version.
    func start() async throws {
        for process in [cluster.controller] + executors { try process.start(program: previous) }
        try await allServe()
    }

    /// Has it run some of everything.
    ///
    /// - Returns: the pages of what is to run on all the time.
    mutating func deploy() async throws -> [RequestsMeanwhile.Page] {
        try await deploy(service("STEADY"), instances: 2)
        try await deploy(service("SCALED"), instances: 1)
        let policy: JSON = ["type": "LOCAL", "hostLevel": false]
        try await cluster.api.operateService([
            "type": "CREATE", "spec": service("LOCAL").with(["placementPolicy": policy]), "instancesPerHost": 1,
        ])
        try await cluster.api.operateService(["type": "ACTIVATE", "serviceId": Self.local.json])
        try await cluster.api.operateTask([
            "type": "CREATE", "spec": shellTask(Self.long, "sleep 1200"), "opSpec": DevCluster.opSpec(parallelism: 1),
        ])
        try await expectAll()
        return try await cluster.api.instances(of: Self.steady).map { instance in
            let port = try #require(instance.ports.first).hostPort
            return RequestsMeanwhile.Page(url: "http://127.0.0.1:\(port)/", instance: instance.id)
        }
    }

    /// Ends a process in order and starts it again as that version's, `nil` for this one's; then more is asked for, and all
    /// that was accepted is looked for.
    mutating func replace(_ process: ApusProcess, by program: String?) async throws {
        let code = await process.terminate()
        try check(code == 0, "it ended with \(code): \(process.logTail)")
        try process.start(program: program)
        steps += 1
        try await allServe()
        try await askForMore()
        try await expectAll()
        for version in [previous, nil] { try await expectAnswers(to: version) }
    }

    /// Nothing but what was asked for has ended an instance, and the audit log knows each application.
    func expectNothingReplaced() async throws {
        for app in counts.keys.sorted() {
            if app != Self.scaled {
                #expect(try await cluster.api.endedInstances(of: app, atMost: 10).isEmpty, "\(app)")
            }
            let records = try await cluster.api.audit([("subject", app.rawValue)]).records
            #expect(records.contains { $0.subject == app.rawValue && $0.outcome == "ACCEPTED" }, "\(app)")
        }
    }

    // MARK: parts

    private func allServe() async throws {
        try await cluster.eventually("all executors take work") {
            let states = try await cluster.api.executorSummaries().map(\.state)
            try check(states == executors.map { _ in "ACTIVE" }, "\(states)")
        }
    }

    private mutating func deploy(_ spec: JSON, instances: Int) async throws {
        counts[try await cluster.deploy(spec, instances: instances)] = instances
    }

    private mutating func askForMore() async throws {
        // On each executor one, so that each has taken a command.
        let spec = service("STEP\(steps)").with(["placementPolicy": ["type": "ONE_PER_HOST"]])
        try await deploy(spec, instances: executors.count)
        let count = 1 + steps % 3
        try await cluster.scale(Self.scaled, to: count)
        counts[Self.scaled] = count
        let (user, password) = ("user\(steps)", "a password of step \(steps)")
        let entry: JSON = ["role": "EXTERNAL_READ_ONLY", "password": .string(password)]
        _ = try await cluster.api.setUser(user, entry)
        users.append(.basic(username: user, password: password))
    }

    private mutating func expectAll() async throws {
        for (app, count) in counts { try await cluster.settle(app, at: count) }
        try await cluster.eventually("the local service is on each executor, and the task runs") {
            let service = try await cluster.api.service(Self.local)
            let task = try await cluster.api.task(Self.long)
            try check(
                service.isSettled && service.healthy == executors.count && task.state == "RUNNING",
                "\(service.healthy) healthy, \(service.obstacles), \(task.progress)"
            )
        }
        for user in users { try await APIClient(endpoint: cluster.address, as: Caller(user)).ping() }
        let running = try await cluster.containers().filter(\.isRunning)
        let gone = lasting.subtracting(running.map(\.id))
        #expect(gone.isEmpty, "after step \(steps) these run no more: \(gone)")
        lasting = Set(running.filter(\.isToLast).map(\.id))
    }

    /// The commands of that version are answered.
    private func expectAnswers(to program: String?) async throws {
        let commands = [
            ["cluster", "show"], ["apps", "list"], ["executors", "list"], ["tasks", "list"], ["audit"], ["top"],
            ["exec", Self.steady.rawValue, "--", "sh", "-c", "exit 0"],
        ]
        for command in commands {
            let process = try ApusProcess(command, log: "\(cluster.folder)/commands.log", program: program)
            try process.start(environment: [
                "APUS_ENDPOINT": "http://\(cluster.address)", "APUS_USERNAME": UsersFile.name,
                "APUS_PASSWORD": UsersFile.password,
            ])
            let code = await process.end()
            try check(code == 0, "after step \(steps) \(command) ended with \(code): \(process.logTail)")
        }
    }
}

extension ContainerSummary {
    /// Nobody scales it away, and it does not end by itself.
    fileprivate var isToLast: Bool {
        labels["apus.app.id"] != "SCALED-1" && labels["apus.task.source"] != RequestsMeanwhile.source
    }
}
