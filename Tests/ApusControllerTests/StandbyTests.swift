import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTelemetry
import ApusTestKit
import Testing

/// What a controller does that stands by: it looks at the executors, tells how it is, and waits for a store that is away.
@Suite(.timeLimit(.minutes(2))) struct StandbyTests {
    private static let stale = ["Apus-Read": "stale"]
    private static let ids = ["node1", "node2", "node3"].map { ExecutorID("of-\($0)") }

    /// Nobody answers at any port.
    private static let deaf: Controller.Ask = { url in
        throw ClientError(.unreachable(url), "\(url) cannot be reached")
    }

    /// At each port its executor answers.
    private static let hearing: Controller.Ask = { url in
        let hostname = url.dropFirst("http://".count).prefix { $0 != ":" }
        return NodePong(cluster: cluster, executor: ExecutorID("of-\(hostname)"), incarnation: 1)
    }

    private static func report(_ id: ExecutorID) -> NodeReport {
        var report = fullReport()
        report.identity = NodeIdentity(
            cluster: cluster,
            id: id,
            key: NodeKey("key \(id)"),
            incarnation: 1,
            hostname: String(id.rawValue.dropFirst("of-".count)),
            port: 3000,
            transport: .http
        )
        return report
    }

    /// Runs a leader that has heard three executors and then hears one only, for so many seconds, beside a standby.
    private static func withSilence(
        of seconds: Int,
        standbyAsks: @escaping Controller.Ask,
        reached: JSON,
        _ body: @escaping @Sendable (_ leader: Controller, _ standby: Controller) async throws -> Void
    ) async throws {
        let (store, time) = (MemoryStore(), ManualTime())
        let ballot = Ballot(of: store)
        try await withController(
            store: store,
            leadership: ballot.seat("ctrl1:10000"),
            time: time.source,
            ask: deaf
        ) { leader in
            for id in ids { _ = await leader.inbox.submit(report(id)) }
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                time: time.source,
                ask: standbyAsks
            )
            try await withRunning(standby) {
                try await eventually("it has looked at the members") {
                    try ballot.reach(of: "ctrl2:10000")?["reached"] == reached
                }
                for _ in 0..<seconds {
                    time.advance(by: .seconds(1))
                    // Each is a turn of the leader.
                    _ = await leader.inbox.submit(report(ids[0]))
                }
                try await body(leader, standby)
            }
        }
    }

    private static func presences(_ controller: Controller) async -> [JSON?] {
        let list = await controller.get("cluster/executors").json?["data"]
        return ids.indices.map { list?[$0]?["presence"] }
    }

    @Test func `a leader cut off from most executors makes way for a standby that reaches them, and loses none`()
        async throws
    {
        try await Self.withSilence(of: 7, standbyAsks: Self.hearing, reached: 3) { leader, standby in
            try await eventually("the standby leads") { await standby.get("ping").status == 200 }
            #expect(await leader.get("ping").status == 400)
            #expect(await Self.presences(standby) == ["JOINING", "JOINING", "JOINING"])
        }
    }

    @Test func `executors that nobody reaches are given up by the leader that it was`() async throws {
        try await Self.withSilence(of: 12, standbyAsks: Self.deaf, reached: 0) { leader, standby in
            try await eventually("two are lost") { await Self.presences(leader).count { $0 == "LOST" } == 2 }
            #expect(await standby.get("ping").status == 400)
        }
    }

    // MARK: the store

    @Test func `until it has reached its store a controller answers as one that stands by, and then it leads`()
        async throws
    {
        let (store, reached, telemetry) = (MemoryStore(), Once<ClusterID>(), Telemetry())
        let controller = try await standingBy(
            store: store,
            leadership: Ballot(of: store).seat("ctrl2:10000"),
            joining: {
                guard let cluster = await reached.wait() else { throw CancellationError() }
                return cluster
            },
            telemetry: telemetry
        )
        @Sendable func admin(_ path: String) -> Int { AdminPages(telemetry).page("GET", path, accept: "").status }
        try await withRunning(controller) {
            for path in ["ping", "applications", "cluster/controllers"] {
                let answer = await controller.get(path)
                #expect(answer.status == 400, "\(path)")
                #expect(answer.json?["message"] == "This node is not the leader controller")
                #expect(answer.json?["reason"] == nil, "who asks is not known yet")
            }
            let change = await controller.post("applications/operations", create(instances: 1).json.serialized)
            #expect(change.status == 400)
            let old = await controller.call("GET", "applications", Self.stale)
            #expect((old.status, old.retryAfter) == (503, 1))
            #expect(await controller.call("GET", "ping", Self.stale).status == 400, "that needs the leader")
            #expect(await controller.get("nothing/here").status == 404)
            #expect(admin("/ping") == 200 && admin("/healthcheck") == 500)
            reached.happen(cluster)
            try await eventually("it leads") { await controller.get("ping").status == 200 }
            #expect(admin("/healthcheck") == 200)
        }
    }

    @Test func `a standby is healthy while it can read the store, and says why when it cannot`() async throws {
        let (store, telemetry) = (MemoryStore(), Telemetry())
        let ballot = Ballot(of: store)
        @Sendable func health(_ name: String) -> Health? { telemetry.health.results.first { $0.name == name }?.health }
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { _ in
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                telemetry: telemetry
            )
            try await withRunning(standby) {
                try await eventually("it is healthy") { telemetry.health.report.isHealthy }
                store.setAway(true)
                try await eventually("it says that it cannot read") {
                    guard case .unhealthy(let why)? = health("store") else { return false }
                    return why.contains("cannot be read") && why.contains("told to be away")
                }
                #expect(health("leader") == .healthy)
                store.setAway(false)
                try await eventually("it is healthy again") { telemetry.health.report.isHealthy }
            }
        }
    }

    @Test func `whom it knows it tells why it does not lead: another one does, or what its health page says`()
        async throws
    {
        let (store, telemetry) = (MemoryStore(), Telemetry())
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), callers: .roles) { _ in
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                telemetry: telemetry,
                callers: .roles
            )
            try await withRunning(standby) {
                @Sendable func asked() async -> APIAnswer {
                    await standby.call("GET", "applications", CallerRig.basic("reader"))
                }
                try await eventually("it knows who leads") {
                    await asked().json?["reason"] == "ctrl1:10000 leads"
                }
                store.setAway(true)
                try await eventually("it says what its health page says") {
                    let store = telemetry.health.results.first { $0.name == "store" }?.health
                    guard case .unhealthy(let why)? = store, why.contains("told to be away") else { return false }
                    return await asked().json?["reason"] == .string(why)
                }
                let answer = await asked()
                #expect(answer.status == 400 && answer.json?["data"] == nil)
                #expect(answer.json?["message"] == "This node is not the leader controller")
                #expect(await standby.call("GET", "applications").json == nil, "a stranger is told nothing")
            }
        }
    }

    @Test func `a controller whose id another one has too says so at its health page, until that is gone`() async throws
    {
        let (store, telemetry) = (MemoryStore(), Telemetry())
        let ballot = Ballot(of: store)
        @Sendable func health() -> Health? { telemetry.health.results.first { $0.name == "identity" }?.health }
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), telemetry: telemetry) { _ in
            #expect(health() == .healthy)
            ballot.setNamesake(of: "ctrl1:10000", "another one has this id")
            #expect(health() == .unhealthy("another one has this id"))
            ballot.setNamesake(of: "ctrl1:10000", nil)
            #expect(health() == .healthy)
        }
    }

    @Test func `while another leads none is absent, and who takes over from it was elected because it had stood by`()
        async throws
    {
        let (store, line, telemetry) = (MemoryStore(), ControllerLine(), Telemetry())
        let ballot = Ballot(of: store)
        // So it asks five times a second.
        line.cut("ctrl1")
        @Sendable func count(_ path: String) -> Int64 {
            let sample = telemetry.metrics.samples().first { $0.series.path == "apus.controller.\(path)" }
            guard case .counter(let count)? = sample?.value else { return -1 }
            return count
        }
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { _ in
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                line: line,
                telemetry: telemetry
            )
            try await withRunning(standby) {
                try await eventually("it knows who leads, and reads the store") {
                    line.asked > 0 && telemetry.health.report.isHealthy
                }
                let (asked, absent) = (line.asked, count("leader.absent.seconds"))
                try await eventually("it has stood by for some seconds") { line.asked >= asked + 20 }
                #expect(count("leader.absent.seconds") <= absent + 1)
                ballot.depose()
                try await eventually("it leads") { await standby.get("ping").status == 200 }
                #expect(telemetry.health.report.isHealthy)
                #expect(count("elections.WON") == 1)
                #expect(count("elections.START") == 0)
            }
        }
    }

    @Test func `one that led and cannot leave its place says that its store is away`() async throws {
        let (store, telemetry) = (MemoryStore(), Telemetry())
        let ballot = Ballot(of: store)
        let seat = HeldSeat(seat: ballot.seat("ctrl1:10000"))
        try await withController(store: store, leadership: seat, telemetry: telemetry) { _ in
            store.setAway(true)
            ballot.depose()
            try await eventually("it says that it cannot read") {
                let store = telemetry.health.results.first { $0.name == "store" }?.health
                guard case .unhealthy(let why)? = store else { return false }
                return why.contains("told to be away")
            }
            #expect(ballot.won == 1)
        }
    }
}

/// A place that is not left when the term is over, as in a line that cannot be reached.
private struct HeldSeat: Leadership {
    let isShared = true
    let seat: Seat

    var namesake: String? { seat.namesake }

    func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        let end = try await seat.lead(body)
        _ = await Once<Void>().wait()
        return end
    }

    func describe(_ bytes: [UInt8]) async throws(StoreError) { try await seat.describe(bytes) }
    func controllers() async throws(StoreError) -> [ControllerPresence] { try await seat.controllers() }
    func forget(_ id: String) async throws(StoreError) { try await seat.forget(id) }
    func tell(reach bytes: [UInt8]) async throws(StoreError) { try await seat.tell(reach: bytes) }

    func reach(within span: Duration) async throws(StoreError) -> [String: [UInt8]] {
        try await seat.reach(within: span)
    }

    func followLeader(_ tell: @Sendable (ControllerPresence?) async -> Void) async { await seat.followLeader(tell) }
}
