import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTelemetry
import ApusTestKit
import Foundation
import Testing

/// What a controller's admin port tells of the cluster.
@Suite struct NumbersTests {
    private func value(_ telemetry: Telemetry, _ path: String) -> Sample.Value? {
        telemetry.metrics.samples().first { $0.series.path == path }?.value
    }

    private func cluster(_ telemetry: Telemetry, _ name: String) -> Double? {
        guard case .gauge(let value)? = value(telemetry, "com.phonepe.drove.cluster.\(name)") else { return nil }
        return value
    }

    @Test func `a leader tells what its cluster has and uses under Drove's names, and nothing once it has stopped`()
        async throws
    {
        let telemetry = Telemetry()
        try await withController(store: MemoryStore(), telemetry: telemetry) { controller in
            var report = fullReport()
            // Of the whole machine, of which less is offered.
            var load = NodeLoad(freeMemoryMB: 512, freeCPU: 2_000)
            load.totalMemoryMB = 2_048
            load.processors = 8
            load.totalDiskMB = 10_000
            load.freeDiskMB = 7_500
            report.load = load
            report.description?.zone = "hall-1"
            _ = await controller.inbox.submit(report)
            _ = await controller.inbox.submit(.application(create(instances: 2)))
            try await eventually("two are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 2 }
            try await eventually("the numbers are those of now") {
                cluster(telemetry, "applications.instances.active") == 2
            }
            #expect(cluster(telemetry, "resources.cpu.used") == 2)
            #expect(cluster(telemetry, "resources.cpu.free") == 2)
            #expect(cluster(telemetry, "resources.cpu.total") == 4)
            #expect(cluster(telemetry, "resources.memory.used_mb") == 256)
            #expect(cluster(telemetry, "resources.memory.total_mb") == 1_024)
            #expect(cluster(telemetry, "executors.active") == 1)
            #expect(cluster(telemetry, "executors.inactive") == 0)
            #expect(cluster(telemetry, "applications.total") == 1)
            #expect(cluster(telemetry, "tasks.instances.active") == 0)
            #expect(value(telemetry, "apus.cluster.executors.ACTIVE.hall-1") == .gauge(1))
            #expect(value(telemetry, "apus.cluster.reserved.share.cpu") == .gauge(0.5))
            #expect(value(telemetry, "apus.cluster.reserved.share.memory") == .gauge(0.25))
            #expect(value(telemetry, "apus.cluster.used.share.cpu") == .gauge(0.75))
            #expect(value(telemetry, "apus.cluster.used.share.memory") == .gauge(0.75))
            #expect(value(telemetry, "apus.cluster.used.share.disk") == .gauge(0.25))
            #expect(value(telemetry, "apus.controller.elections.START") == .counter(1))
            guard case .meter(let told)? = value(telemetry, "com.phonepe.drove.cluster.events.EXECUTOR_ADDED") else {
                Issue.record("events are not counted")
                return
            }
            #expect(told.count == 1)
            #expect(value(telemetry, "apus.controller.leading") == .gauge(1))
            #expect(value(telemetry, "apus.controller.tasks.ended.LOST") == .counter(0))
            #expect(telemetry.health.report.isHealthy)
        }
        #expect(cluster(telemetry, "applications.total") == nil)
        #expect(value(telemetry, "apus.controller.leading") == .gauge(0))
        #expect(!telemetry.health.report.isHealthy)
    }

    @Test func `an executor that cannot serve counts as suspended, and tells no disk that it has not measured`()
        async throws
    {
        let telemetry = Telemetry()
        try await withController(store: MemoryStore(), telemetry: telemetry) { controller in
            var report = fullReport()
            report.troubles = [Trouble(.engine, "the container engine does not answer")]
            report.load = NodeLoad(freeMemoryMB: 512, freeCPU: 2_000)
            _ = await controller.inbox.submit(report)
            try await eventually("it is counted") {
                value(telemetry, "apus.cluster.executors.SUSPENDED.none") == .gauge(1)
            }
            #expect(value(telemetry, "apus.cluster.executors.UNREADY.none") == nil)
            #expect(value(telemetry, "apus.cluster.executors.failing.ENGINE") == .gauge(1))
            #expect(value(telemetry, "apus.cluster.executors.failing.CONTROL") == .gauge(0))
            #expect(cluster(telemetry, "executors.inactive") == 1)
            #expect(value(telemetry, "apus.cluster.used.share.disk") == nil)
        }
    }

    @Test func `a placement that nobody takes is counted by its reason`() async throws {
        let telemetry = Telemetry()
        try await withController(store: MemoryStore(), telemetry: telemetry) { controller in
            _ = await controller.inbox.submit(fullReport())
            // Each takes three of the four cores.
            let large = create(exampleSpec(cores: 3), instances: 1)
            _ = await controller.inbox.submit(.application(large))
            _ = await controller.inbox.submit(.application(create(exampleSpec(name: "OTHER", cores: 3), instances: 1)))
            try await eventually("it is counted") {
                guard
                    case .counter(let count)? = value(
                        telemetry,
                        "apus.controller.placements.refused.NOT_ENOUGH_CORES"
                    )
                else { return false }
                return count > 0
            }
        }
    }

    @Test func `every number of a controller is explained, and stands on the page of metrics`() async throws {
        let telemetry = Telemetry()
        let session = ZooKeeperSession.open(ZooKeeperSession.Settings(address: try ZooKeeperAddress("127.0.0.1:1")))
        SessionNumbers(session) { [.task: StoreTotals(records: 2, bytes: 900)] }.join(telemetry.metrics)
        #expect(value(telemetry, "apus.controller.store.records.task") == .gauge(2))
        #expect(value(telemetry, "apus.controller.store.records.bytes.task") == .gauge(900))
        #expect(value(telemetry, "apus.controller.store.records.hint") == .gauge(0))
        let store = MemoryStore()
        let ballot = Ballot(of: store, lease: Lease(session: .seconds(60), sent: .zero))
        let seat = ballot.seat("ctrl1:10000")
        try await withController(store: store, leadership: seat, telemetry: telemetry) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(.application(create(instances: 1)))
            let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "docs/metrics.md")
            let text = try String(contentsOf: page, encoding: .utf8)
            let names = Set(telemetry.metrics.samples().map(\.series.name).filter { $0.hasPrefix("apus.controller.") })
            #expect(names.contains("apus.controller.lease.seconds"))
            #expect(names.contains("apus.controller.zookeeper.connected"))
            for name in names.sorted() {
                #expect(text.contains("`\(name)"), "docs/metrics.md does not tell of it")
                #expect(telemetry.metrics.help(of: name) != nil, "\(name)")
            }
        }
        await session.close()
    }

    @Test func `what the store was asked for is counted by operation and outcome, with its bytes`() async throws {
        let telemetry = Telemetry()
        let store = MemoryStore()
        try await withController(store: store, telemetry: telemetry) { controller in
            _ = await controller.inbox.submit(fullReport())
            store.failNextCommit(.before)
            _ = await controller.inbox.submit(.application(create(instances: 1)))
            func timing(_ path: String) -> Int64 {
                guard case .timing(let timing)? = value(telemetry, "apus.controller.store.operations.\(path)") else {
                    return -1
                }
                return timing.rates.count
            }
            #expect(timing("COMMIT.UNAVAILABLE") == 1)
            #expect(timing("COMMIT.DONE") > 0)
            #expect(timing("LIST.DONE") > 0)
            guard case .counter(let bytes)? = value(telemetry, "apus.controller.store.bytes.COMMIT") else {
                Issue.record("bytes are not counted")
                return
            }
            #expect(bytes > 0)
            guard case .gauge(let largest)? = value(telemetry, "apus.controller.store.commit.largest.bytes") else {
                Issue.record("the largest batch is not told")
                return
            }
            #expect(largest > 0 && largest <= Double(bytes))
        }
    }

    @Test func `while the store takes nothing the health check says so, and the absence of a leader is counted`()
        async throws
    {
        let telemetry = Telemetry()
        let store = MemoryStore()
        try await withController(store: store, telemetry: telemetry) { controller in
            _ = await controller.inbox.submit(fullReport())
            #expect(telemetry.health.report.isHealthy)
            store.setAway(true)
            async let accepted = controller.inbox.submit(.application(create(instances: 1)))
            try await eventually("it is unhealthy for want of a store") {
                telemetry.health.results.contains { $0.name == "store" && $0.health != .healthy }
            }
            try await eventually("the absence is counted") {
                value(telemetry, "apus.controller.leader.absent.times") == .counter(1)
            }
            store.setAway(false)
            try await eventually("it is healthy again") { telemetry.health.report.isHealthy }
            _ = await accepted
        }
    }
}
