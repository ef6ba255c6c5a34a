import ApusClient
import ApusController
import ApusModel
import ApusStore
import ApusTelemetry
import ApusTestKit
import Logging
import Testing

/// A standby that cannot take over what the leader tells says so, and does not press.
@Suite(.timeLimit(.minutes(2))) struct HistoryTroubleTests {
    /// Runs a leader that another controller cannot ask, which tells its warnings.
    private static func withStandby(
        refusedWith code: ClientError.Code,
        telemetry: Telemetry = Telemetry(),
        _ body: @escaping @Sendable (ControllerLine, Recorder<String>) async throws -> Void
    ) async throws {
        let (store, line, told) = (MemoryStore(), ControllerLine(), Recorder<String>())
        let ballot = Ballot(of: store)
        line.cut("ctrl1", code)
        var rig = CallerRig()
        rig.logger = Logger(label: "test") { _ in
            var handler = Listening(to: told)
            handler.logLevel = .warning
            return handler
        }
        let callers = rig
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { leader in
            // It asks others by a line of its own, so that only the standby's questions count here.
            line.join(leader, as: "ctrl1")
            let standby = try await standingBy(
                store: store,
                leadership: ballot.seat("ctrl2:10000"),
                line: line,
                telemetry: telemetry,
                callers: callers
            )
            try await withRunning(standby) { try await body(line, told) }
        }
    }

    private static func warnings(_ told: Recorder<String>) -> Int {
        told.all.count { $0.contains("could not be taken over") }
    }

    @Test(arguments: [ClientError.Code.status(503, ""), .status(429, "")])
    func `what changes in its wording alone is warned of once, and soon asked again`(
        code: ClientError.Code
    ) async throws {
        try await Self.withStandby(refusedWith: code) { line, told in
            try await eventually("it has asked often, and heard something else each time") { line.asked >= 6 }
            #expect(Self.warnings(told) == 1)
        }
    }

    @Test(arguments: [ClientError.Code.status(401, ""), .untrusted("http://ctrl1:10000")])
    func `a leader that does not trust it, or that it does not trust, is left alone for a while`(
        code: ClientError.Code
    ) async throws {
        try await Self.withStandby(refusedWith: code) { line, told in
            try await eventually("it is warned of") { Self.warnings(told) == 1 }
            // In its time another one asks again and again.
            try await Self.withStandby(refusedWith: .unreachable("")) { other, _ in
                try await eventually("that one has asked often") { other.asked >= 6 }
            }
            // Ten seconds may have passed on a slow machine.
            #expect(line.asked <= 2)
        }
    }

    @Test func `a standby that has taken over nothing for a minute is unhealthy, until it has`() async throws {
        let time = ManualTime()
        let telemetry = Telemetry(metrics: MetricRegistry { time.source().now })
        @Sendable func health() -> Health? { telemetry.health.results.first { $0.name == "history" }?.health }
        @Sendable func lag() -> Sample.Value? {
            telemetry.metrics.samples().first { $0.series.path == "apus.controller.history.lag.seconds" }?.value
        }
        try await Self.withStandby(refusedWith: .unreachable("cut"), telemetry: telemetry) { line, told in
            try await eventually("it is warned of") { Self.warnings(told) == 1 }
            time.advance(by: .seconds(59))
            #expect(health() == .healthy)
            #expect(lag() == .gauge(59))
            time.advance(by: .seconds(1))
            guard case .unhealthy(let why)? = health() else {
                Issue.record("it is healthy")
                return
            }
            #expect(why.contains("60 s") && why.contains("ctrl1 is cut off"))
            line.mend("ctrl1")
            try await eventually("it is healthy again") { health() == .healthy && lag() == .gauge(0) }
        }
    }

    @Test func `whoever has all of the audit log is not told again what there is of it`() async throws {
        let store = MemoryStore()
        try await withController(store: store, leadership: Ballot(of: store).seat("ctrl1:10000")) { controller in
            _ = await controller.post("cluster/maintenance/set", "", type: nil)
            try await eventually("nothing more comes into it") {
                let first = try #require(await controller.get("internal/history?events=9-9").json)
                guard try !first.array("held").isEmpty else { return false }
                let changes = try first.integer("changes")
                let again = try #require(
                    await controller.get("internal/history?events=9-9&changes=\(changes)").json
                )
                return try again.integer("changes") == changes && again.array("held").isEmpty
            }
        }
    }
}
