import ApusClient
import ApusModel
import Testing

/// Whether a cluster is well, by what its leader says of it.
@Suite struct ClusterConditionTests {
    private static let cluster: JSON = ["leader": "ctrl1:10000", "state": "NORMAL"]

    private static func executor(
        _ host: String,
        used: Int64 = 0,
        of cores: Int64 = 4,
        state: String = "ACTIVE",
        _ more: [JSON.Member] = []
    ) throws -> ExecutorSummary {
        let json: JSON = .members([
            "executorId": .string("id-\(host)"), "hostname": .string(host), "port": 11_000,
            "freeCores": .integer(cores - used), "usedCores": .integer(used),
            "freeMemory": .integer(1024 * (cores - used)), "usedMemory": .integer(1024 * used), "tags": [],
            "state": .string(state),
        ])
        guard case .object(let members) = json else { return try ExecutorSummary(json: json) }
        let presence = more.contains { $0.key == "presence" } ? [] : [JSON.Member("presence", "PRESENT")]
        return try ExecutorSummary(json: .object(members + presence + more))
    }

    private static func application(
        _ id: String,
        healthy: Int64,
        of expected: Int64,
        _ more: [JSON.Member] = []
    ) throws -> ApplicationSummary {
        let json: JSON = .members([
            "id": .string(id), "name": "A", "state": "RUNNING", "requiredInstances": .integer(expected),
            "healthyInstances": .integer(healthy), "totalCPUs": 1, "totalMemory": 64, "created": 1, "updated": 2,
        ])
        guard case .object(let members) = json else { return try ApplicationSummary(json: json) }
        return try ApplicationSummary(json: .object(members + more))
    }

    /// What is not in order.
    private static func amiss(_ condition: ClusterCondition) -> [String] {
        condition.findings.filter { $0.level != .fine }.map { "\($0.level.rawValue) \($0.subject): \($0.text)" }
    }

    private static func amiss(_ executors: ExecutorSummary...) -> [String] {
        amiss(ClusterCondition(cluster: cluster, executors: executors))
    }

    @Test func `a cluster that is well says so line by line`() throws {
        let condition = ClusterCondition(
            cluster: Self.cluster,
            executors: [try Self.executor("a", used: 2), try Self.executor("b")],
            applications: [
                try Self.application("WEB-1", healthy: 2, of: 2), try Self.application("OLD-1", healthy: 0, of: 0),
            ]
        )
        #expect(
            condition.findings.map { "\($0.level.rawValue) \($0.subject): \($0.text)" } == [
                "OK leader: ctrl1:10000", "OK state: NORMAL", "OK executors: 2 of 2 take work",
                "OK head room: any one executor may be lost, by cores and memory",
                "OK applications: 1 of 2 are to run", "OK local services: 0 of 0 are active",
                "OK tasks: 0 run, 0 wait",
            ]
        )
    }

    @Test func `what waits for people in the whole cluster is told`() throws {
        let cluster: JSON = [
            "leader": "Leader election underway", "state": "MAINTENANCE", "mode": "RESTORED", "heldStops": 4,
            "heldLosses": ["executors": ["a", "b", "c"], "until": 5],
        ]
        let condition = ClusterCondition(
            cluster: cluster,
            executors: [try Self.executor("a"), try Self.executor("b")]
        )
        #expect(
            Self.amiss(condition) == [
                "FAIL leader: no controller leads",
                "WARN state: MAINTENANCE: no operation is taken and nothing is repaired",
                "WARN state: RESTORED from an export: what it does not know is not stopped",
                "WARN held stops: 4 containers that nothing claims run on, because they are many",
                "FAIL held losses: 3 executors fell silent together, and are not given up yet",
            ]
        )
        #expect(condition.findings.filter { $0.level != .fine }.allSatisfy { !$0.advice.isEmpty })
    }

    @Test func `executors that take no work say why`() throws {
        let b = try Self.executor("b"), c = try Self.executor("c")
        func amiss(_ state: String, _ more: (String, JSON)...) throws -> [String] {
            let members = more.map { JSON.Member($0.0, $0.1) }
            return Self.amiss(try Self.executor("a", state: state, members), b, c)
        }
        #expect(
            try amiss("REMOVED", ("presence", "LOST"), ("troubles", ["no engine"])) == [
                "FAIL executor a:11000: is lost: what ran there was started elsewhere"
            ]
        )
        #expect(try amiss("ACTIVE", ("presence", "SILENT")) == ["FAIL executor a:11000: is silent"])
        #expect(try amiss("UNREADY", ("troubles", ["no engine"])) == ["FAIL executor a:11000: no engine"])
        #expect(try amiss("BLACKLISTED", ("duty", "BLACKLISTED")) == ["WARN executor a:11000: is blacklisted"])
        #expect(
            try amiss("UNREADY", ("duty", "SUSPENDED")) == ["WARN executor a:11000: is suspended by an operator"]
        )
        #expect(try amiss("UNREADY", ("duty", "RETIRING")) == ["WARN executor a:11000: is being retired"])
        #expect(try amiss("UNREADY", ("waitingFor", ["X-1"])) == ["WARN executor a:11000: waits for X-1"])
        #expect(try amiss("UNREADY", ("presence", "JOINING")) == ["WARN executor a:11000: is UNREADY (JOINING)"])
        #expect(try amiss("ACTIVE", ("warnings", ["disk full"])) == ["WARN executor a:11000: disk full"])
        #expect(
            try amiss("ACTIVE", ("quarantined", 2))
                == ["WARN executor a:11000: leaves 2 containers with unsound labels alone"]
        )
        #expect(Self.amiss() == ["FAIL executors: there are none"])
    }

    @Test func `an executor that the others could not stand in for is named`() throws {
        #expect(
            Self.amiss(try Self.executor("a", used: 4), try Self.executor("b", used: 3))
                == ["WARN head room: if a:11000 were lost, its 4 cores and 4096 MB would not fit elsewhere"]
        )
        #expect(Self.amiss(try Self.executor("a", used: 4), try Self.executor("b"), try Self.executor("c")) == [])
        #expect(Self.amiss(try Self.executor("a")).first?.hasPrefix("WARN head room: a:11000 is the only") == true)
    }

    @Test func `applications that lack instances, work long or have failed say why`() throws {
        let operation: JSON = ["id": "OP-1", "type": "SCALE", "spentMs": 3_600_000]
        let last: JSON = ["id": "OP-0", "type": "SCALE", "outcome": "ROLLED_BACK", "reason": "not done in time"]
        let backoff: JSON = ["failures": 3, "waitMs": 100, "reason": "exited with 1"]
        var condition = ClusterCondition(
            cluster: Self.cluster,
            executors: [try Self.executor("a"), try Self.executor("b")],
            applications: [
                try Self.application("DOWN-1", healthy: 0, of: 2),
                try Self.application("FEW-1", healthy: 1, of: 2, [JSON.Member("backoff", backoff)]),
                try Self.application("LONG-1", healthy: 0, of: 2, [JSON.Member("operation", operation)]),
                try Self.application("BAD-1", healthy: 1, of: 1, [JSON.Member("lastOperation", last)]),
            ]
        )
        condition.explanations[AppID("DOWN-1")] = ["DOWN-1 wants 2 instances", "no executor takes one", "ask for less"]
        #expect(
            Self.amiss(condition) == [
                "FAIL application DOWN-1: 0 of 2 are healthy: no executor takes one; ask for less",
                "WARN application FEW-1: 1 of 2 are healthy: failed 3 times in a row: exited with 1",
                "WARN application LONG-1: 0 of 2 are healthy",
                "WARN application LONG-1: SCALE has been under way for 60 minutes",
                "WARN application BAD-1: the last SCALE failed: not done in time",
            ]
        )
    }
    private static func service(_ id: String, healthy: Int64, of wanted: Int64, _ more: [JSON.Member] = []) throws
        -> ServiceSummary
    {
        let json: JSON = .members([
            "id": .string(id), "name": "S", "state": "ACTIVE", "activationState": "ACTIVE", "instancesPerHost": 1,
            "wantedInstances": .integer(wanted), "liveInstances": .integer(wanted),
            "healthyInstances": .integer(healthy),
        ])
        guard case .object(let members) = json else { return try ServiceSummary(json: json) }
        return try ServiceSummary(json: .object(members + more))
    }

    @Test func `local services that lack instances, work long or have failed say why, and tasks what they wait for`()
        throws
    {
        let obstacles: JSON = [["hostname": "a", "reason": "no room: cores"]]
        let operation: JSON = ["id": "OP-1", "type": "REPLACE_INSTANCES", "spentMs": 3_600_000]
        let last: JSON = ["id": "OP-0", "type": "RESTART", "outcome": "FAILED", "reason": "not done in time"]
        let task: JSON = [
            "sourceAppName": "BATCH", "taskId": "T1", "executable": ["url": "x"], "state": "PENDING",
            "errorMessage": "it waits for room", "created": 1, "updated": 2,
        ]
        let condition = ClusterCondition(
            cluster: Self.cluster,
            executors: [try Self.executor("a"), try Self.executor("b")],
            services: [
                try Self.service("FEW-1", healthy: 1, of: 2, [JSON.Member("obstacles", obstacles)]),
                try Self.service("LONG-1", healthy: 2, of: 2, [JSON.Member("operation", operation)]),
                try Self.service("BAD-1", healthy: 2, of: 2, [JSON.Member("lastOperation", last)]),
                try Self.service("WELL-1", healthy: 2, of: 2),
            ],
            tasks: [try TaskSummary(json: task)]
        )
        #expect(
            Self.amiss(condition) == [
                "WARN local service FEW-1: 1 of 2 are healthy: on a no room: cores",
                "WARN local service LONG-1: REPLACE_INSTANCES has been under way for 60 minutes",
                "WARN local service BAD-1: the last RESTART failed: not done in time",
                "WARN task BATCH/T1: it waits for room",
            ]
        )
    }
}
