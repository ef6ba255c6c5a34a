import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// What clients are told of what has happened (contract §6).
@Suite struct EventTests {
    private static let app = AppID("TEST_APP-1")

    /// What the events of a type say under one key, in order.
    private func told(_ bench: Bench, _ kind: ClusterEvent.Kind, _ key: String = "CURRENT_STATE") -> [String] {
        bench.events.filter { $0.kind == kind }.compactMap { $0.metadata[key]?.text }
    }

    private func keys(_ event: ClusterEvent?) -> [String] {
        guard case .object(let members)? = event?.metadata else { return [] }
        return members.map(\.key)
    }

    @Test func `an application and its instance are told from the creation to the destruction`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.ask(.suspend(Self.app, .standard))
        bench.converge()
        bench.ask(.destroy(Self.app, .standard))
        bench.converge()
        #expect(told(bench, .applicationChanged) == ["RUNNING", "SCALING_REQUESTED", "MONITORING", "DESTROYED"])
        #expect(told(bench, .instanceChanged) == ["PENDING", "HEALTHY", "STOPPING", "STOPPED"])
        #expect(Set(told(bench, .instanceChanged, "APP_ID")) == ["TEST_APP-1"])
    }

    @Test func `an application's event has the contract's keys in the contract's order`() throws {
        var bench = try Bench()
        bench.create(instances: 1, exampleSpec(exposure: ExposureSpec(vhost: "testapp.local", portName: "main")))
        let event = try #require(bench.events.first { $0.kind == .applicationChanged })
        #expect(
            event.metadata.serialized
                == #"{"APP_ID":"TEST_APP-1","CURRENT_STATE":"RUNNING","APP_NAME":"TEST_APP","APP_VERSION":"1","#
                + #""EXECUTABLE":"test-app:1","PLACEMENT_POLICY":"ANY","CURRENT_INSTANCES":1,"CPU_COUNT":1,"#
                + #""MEMORY":128,"PORTS":"main:8000:http","VHOST":"testapp.local"}"#
        )
    }

    @Test func `an instance's event says where it is, and its ports when they are known`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        let known = ["APP_ID", "APP_NAME", "INSTANCE_ID", "EXECUTOR_ID", "CREATED", "CURRENT_STATE", "EXECUTOR_HOST"]
        let events = bench.events.filter { $0.kind == .instanceChanged }
        #expect(events.map(keys) == [known, known + ["PORTS"]])
        #expect(events.last?.metadata["PORTS"] == "main:30000:http")
        #expect(events.last?.metadata["EXECUTOR_HOST"] == "host-0")
        #expect(events.last?.metadata["INSTANCE_ID"] == bench.instances().first?.id.json)
    }

    @Test func `heartbeats tell nothing, and a new leader nothing of what is as it was`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.events = []
        bench.live(.seconds(30))
        try bench.failOver(epoch: 2)
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.events.isEmpty)
    }

    @Test func `what is decided and not stored yet is not told`() throws {
        var bench = try Bench()
        let before = bench.turn.committed
        let create = Command.application(.create(exampleSpec(), instances: 1, .standard))
        _ = bench.turn.take(.command(7, create), at: bench.now)
        _ = bench.turn.close(at: bench.now)
        #expect(bench.turn.pending != nil)
        #expect(bench.turn.committed.events(since: before, bench.turn.changes, leader: "l").isEmpty)
        _ = bench.turn.stored()
        let events = bench.turn.committed.events(since: before, bench.turn.changes, leader: "l")
        #expect(events.map(\.kind) == [.applicationChanged, .instanceChanged])
    }

    @Test func `a lost executor is told as removed and what ran there as lost, and added when it is back`() throws {
        var bench = try Bench(executors: 2)
        #expect(told(bench, .executorAdded, "HOSTNAME").sorted() == ["host-0", "host-1"])
        bench.create(instances: 2)
        bench.converge()
        bench.events = []
        bench.live(.seconds(12), beating: [bench.ids[0]])
        let removed = ClusterEvent(
            .executorRemoved,
            .members(["EXECUTOR_ID": bench.ids[1].json, "CHANNELS": "DATA"])
        )
        #expect(bench.events.contains(removed))
        let lost = bench.events.filter { $0.metadata["CURRENT_STATE"] == "LOST" }
        #expect(lost.map { $0.metadata["ERROR"] } == ["Instance lost: executor host-1 is not heard"])
        bench.converge()
        let added = bench.events.first { $0.kind == .executorAdded }
        #expect(keys(added) == ["EXECUTOR_ID", "HOSTNAME", "PORT"])
        #expect(added?.metadata["HOSTNAME"] == "host-1")
    }

    @Test func `all that were lost at once are told, though a history keeps fewer`() throws {
        var bench = try Bench(executors: 1, cores: 256, memoryMB: 1_000_000)
        let wide = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 512, failureStrategy: .stop)
        bench.ask(.create(exampleSpec(), instances: 200, wide))
        bench.converge()
        bench.live(.seconds(12), beating: [])
        #expect(bench.turn.committed.endedInstances(of: Self.app).count < 200)
        #expect(told(bench, .instanceChanged).count { $0 == "LOST" } == 200)
    }

    @Test func `what operators want of an executor is told by Drove's types, its own name beside the nearest`() throws {
        var bench = try Bench()
        bench.events = []
        let orders: [DutyOrder] = [.blacklist, .unblacklist, .suspend(.finishing), .resume, .retire]
        for order in orders { bench.order(order, bench.ids) }
        let expected: [ClusterEvent.Kind] = [
            .executorBlacklisted, .executorUnblacklisted, .executorBlacklistRequested, .executorUnblacklisted,
            .executorRemoved,
        ]
        #expect(bench.events.map(\.kind) == expected)
        #expect(bench.events.map { $0.metadata["DUTY"] } == [nil, nil, "SUSPENDED", nil, nil])
    }

    @Test func `a task is told from its acceptance to its result`() throws {
        var bench = try Bench()
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        bench.endTask(code: 3)
        #expect(told(bench, .taskChanged) == ["PENDING", "RUNNING", "STOPPED"])
        #expect(told(bench, .taskChanged, "EXECUTOR_HOST") == ["host-0", "host-0", "host-0"])
        let end = try #require(bench.events.last { $0.kind == .taskChanged })
        #expect(
            keys(end) == [
                "APP_NAME", "TASK_ID", "INSTANCE_ID", "EXECUTOR_ID", "EXECUTOR_HOST", "EXECUTABLE", "CREATED",
                "CURRENT_STATE", "RESULT_STATUS", "RESULT_EXIT_CODE",
            ]
        )
        #expect(end.metadata["RESULT_STATUS"] == "FAILED" && end.metadata["RESULT_EXIT_CODE"] == 3)
    }

    @Test func `a local service and its instances are told under their own types`() throws {
        let bench = try Bench.serving(executors: 2)
        #expect(told(bench, .serviceChanged) == ["INACTIVE", "ACTIVE"])
        #expect(told(bench, .serviceInstanceChanged).sorted() == ["HEALTHY", "HEALTHY", "PENDING", "PENDING"])
        #expect(told(bench, .instanceChanged).isEmpty)
        let service = bench.events.first { $0.kind == .serviceChanged }
        #expect(
            keys(service) == [
                "LOCAL_SERVICE_ID", "CURRENT_STATE", "LOCAL_SERVICE_NAME", "LOCAL_SERVICE_VERSION", "EXECUTABLE",
                "PLACEMENT_POLICY", "CURRENT_INSTANCES_PER_HOST", "CPU_COUNT", "MEMORY", "PORTS",
            ]
        )
        let instance = bench.events.first { $0.kind == .serviceInstanceChanged }
        #expect(keys(instance).prefix(3) == ["SERVICE_ID", "SERVICE_NAME", "INSTANCE_ID"])
    }

    @Test func `maintenance is told once when it begins and once when it ends`() throws {
        var bench = try Bench()
        bench.events = []
        for mode in [ClusterFacts.Mode.maintenance, .maintenance, .normal] {
            bench.ask(.cluster(.setMode(mode)))
        }
        let host: JSON = .members(["HOSTNAME": "leader"])
        #expect(bench.events == [ClusterEvent(.maintenanceSet, host), ClusterEvent(.maintenanceRemoved, host)])
    }
}
