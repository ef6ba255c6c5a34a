import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

private let id = ServiceID("TEST_SERVICE-1")

private func opSpec(_ parallelism: Int = 1) -> ClusterOpSpec {
    ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: parallelism)
}

/// Operations on local services (contract §4.5).
@Suite struct LocalServiceOperationTests {
    @Test(arguments: [
        (
            LocalServiceOperation.activate(id),
            "Only [ADJUST_INSTANCES, DEACTIVATE, REPLACE_INSTANCES, RESTART, STOP_INSTANCES, UPDATE_INSTANCE_COUNT] allowed for local service TEST_SERVICE-1 as it is in ACTIVE state"
        ),
        (.activate(ServiceID("X-1")), "No state found for local service: X-1"),
        (.create(exampleService(), instancesPerHost: 1), "Local service TEST_SERVICE-1 already exists"),
        (
            .create(exampleService(name: "H", hostLevel: true), instancesPerHost: 2),
            "Host level service cannot have more than one instance"
        ),
        (
            .replaceInstances(id, ids: [InstanceID("SI-x")], stopFirst: false, opSpec()),
            "There are no replaceable healthy instances with ids: [SI-x]"
        ),
        (
            .stopInstances(id, ids: [InstanceID("SI-x"), InstanceID("SI-y")], opSpec()),
            "There are no healthy instances with ids: [SI-x, SI-y]"
        ),
    ])
    func `what cannot be done is refused in Drove's words`(_ operation: LocalServiceOperation, _ text: String) throws {
        var bench = try Bench.serving()
        #expect(bench.ask(operation) == .refused([text]))
    }

    @Test func `a host level service keeps its count of one`() throws {
        var bench = try Bench.serving(exampleService(hostLevel: true))
        #expect(
            bench.ask(.updateInstanceCount(id, instancesPerHost: 2))
                == .refused([
                    "Instance count update is allowed only for services that do not have Host Level option set"
                ])
        )
    }

    @Test func `the count per host goes up and down`() throws {
        var bench = try Bench.serving()
        bench.ask(.updateInstanceCount(id, instancesPerHost: 3))
        bench.converge()
        #expect(bench.spread().values.allSatisfy { $0 == 3 })
        bench.ask(.updateInstanceCount(id, instancesPerHost: 1))
        bench.converge()
        #expect(bench.spread().values.allSatisfy { $0 == 1 })
    }

    @Test func `a restart starts first: each host keeps its healthy one, one host at a time`() throws {
        var bench = try Bench.serving()
        let old = Set(bench.serving().map(\.id))
        bench.ask(.restart(id, stopFirst: false, opSpec(1)))
        #expect(bench.service()?.state == .replacingInstances)
        for _ in 0..<60 where bench.service()?.operation != nil {
            bench.deliver()
            bench.beat()
            #expect(bench.spread().values.reduce(0, +) >= 3)
            #expect(bench.serving().count(where: \.isAlive) <= 4)
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        #expect(bench.spread() == Dictionary(uniqueKeysWithValues: bench.ids.map { ($0, 1) }))
        #expect(old.isDisjoint(with: bench.serving().map(\.id)))
    }

    @Test func `a host level service is restarted stop first, never two on a host`() throws {
        var bench = try Bench.serving(exampleService(hostLevel: true))
        let old = Set(bench.serving().map(\.id))
        bench.ask(.restart(id, stopFirst: false, opSpec(1)))
        for _ in 0..<60 where bench.service()?.operation != nil {
            bench.deliver()
            bench.beat()
            #expect(bench.spread().values.reduce(0, +) >= 2)
            for id in bench.ids {
                #expect(bench.turn.committed.instances(of: ServiceID("TEST_SERVICE-1"), on: id).count <= 1)
                bench.executors[id]?.advance(at: bench.now.wall)
            }
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        #expect(old.isDisjoint(with: bench.serving().map(\.id)))
    }

    @Test func `named instances are stopped, and others come in their place`() throws {
        var bench = try Bench.serving()
        let victim = try #require(bench.serving().first?.id)
        bench.ask(.stopInstances(id, ids: [victim], opSpec()))
        #expect(bench.service()?.state == .stoppingInstances)
        bench.converge()
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        #expect(bench.spread().values.reduce(0, +) == 3)
        #expect(!bench.serving().contains { $0.id == victim })
    }

    @Test func `an adjustment with nothing to do is over at once, one under way can be cancelled`() throws {
        var bench = try Bench.serving()
        bench.ask(.adjustInstances(id, opSpec()))
        bench.take(.tick)
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        bench.executors[bench.ids[0]]?.description.topology.nodes[0].cores = []
        bench.ask(.restart(id, stopFirst: true, opSpec()))
        bench.deliver()
        #expect(bench.ask(.cancelService(id)) == .accepted(.localService(id)))
        #expect(bench.service()?.state == .active)
        #expect(bench.ask(.cancelService(id)) == .refused(["Current operation could not be cancelled"]))
        bench.converge()
        #expect(bench.spread().values.reduce(0, +) == 3)
    }

    @Test func `a replacement that fails again and again is given up with the reason`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.ask(.restart(id, stopFirst: false, opSpec()))
        for _ in 0..<100 where bench.service()?.operation != nil {
            bench.deliver()
            let host = bench.ids[0]
            for instance in bench.executors[host]?.instances.values.filter({ $0.state == .provisioning }) ?? [] {
                bench.executors[host]?.set(instance.id, .stopped, error: "exited with 1", at: bench.now.wall)
            }
            bench.beat()
            bench.take(.tick)
            bench.pass(.milliseconds(500))
        }
        let ended = try #require(bench.service()?.lastOperation)
        #expect(ended.outcome == .failed)
        #expect(ended.reason.contains("5 starts in a row failed") && ended.reason.contains("exited with 1"))
        #expect(bench.spread() == [bench.ids[0]: 1])
    }

    @Test func `a service is destroyed when it is inactive, and nothing of it stays in the store`() throws {
        var bench = try Bench.serving()
        bench.ask(.deactivate(id))
        bench.converge()
        #expect(bench.ask(.destroy(id)) == .accepted(.localService(id)))
        bench.converge()
        #expect(bench.service() == nil)
        #expect(!bench.store.keys.contains { $0.kind == .localService || $0.kind == .ended })
    }

    @Test func `an operation under way goes on under the next leader`() throws {
        var bench = try Bench.serving()
        let old = Set(bench.serving().map(\.id))
        bench.ask(.restart(id, stopFirst: false, opSpec(1)))
        bench.deliver()
        try bench.failOver(epoch: 2)
        #expect(bench.service()?.state == .replacingInstances)
        bench.converge()
        bench.converge()
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        #expect(old.isDisjoint(with: bench.serving().map(\.id)))
        #expect(bench.spread().values.reduce(0, +) == 3)
    }

    @Test func `a restart leaves out what an executor keeps while it is to be free of work`() throws {
        var bench = try Bench.serving()
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        let home = try #require(bench.task()?.instance.flatMap { bench.turn.committed.instances[$0]?.executor })
        bench.order(.blacklist, [home])
        bench.converge()
        #expect(bench.spread()[home] == 1, "it stays beside the task")
        let old = bench.spread().keys.count
        bench.ask(.restart(id, stopFirst: false, opSpec(1)))
        bench.converge()
        bench.converge()
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
        #expect(old == 3 && bench.spread().count == 3)
    }

    @Test func `one full host does not hold up the restart of the others`() throws {
        var bench = try Bench.serving()
        let full = bench.ids[0]
        bench.create(instances: 7, exampleSpec(memoryMB: 16, policy: .matchTag("host-0")))
        bench.converge()
        #expect(bench.healthy() == 7)
        let old = bench.serving()
        bench.ask(.restart(id, stopFirst: false, opSpec(1)))
        for _ in 0..<5 { bench.converge() }
        let left = bench.serving().filter { one in old.contains { $0.id == one.id } }
        #expect(left.map(\.executor) == [full])
        bench.ask(.scale(AppID("TEST_APP-1"), required: 6, opSpec()))
        for _ in 0..<5 { bench.converge() }
        #expect(bench.service()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `a new leader does not take an adjustment as done on hearsay`() throws {
        var bench = try Bench.serving(executors: 3)
        bench.failService()
        #expect(bench.serving().isEmpty, "all wait for their next start")
        bench.ask(.adjustInstances(id, opSpec(1)))
        bench.pass(.seconds(3))
        bench.take(.tick)
        bench.deliver()
        for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
        bench.beat()
        #expect(bench.service()?.state == .adjustingInstances)
        try bench.failOver(epoch: 2)
        #expect(bench.service()?.state == .adjustingInstances)
    }

    @Test func `cancelling a rollout of which nothing came up deactivates the service`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.ask(.adjustInstances(id, opSpec(2)))
        for _ in 0..<4 {
            bench.deliver()
            for host in bench.ids {
                for instance in bench.executors[host]?.instances.values.filter({ $0.state.isAlive }) ?? [] {
                    bench.executors[host]?.set(instance.id, .stopped, error: "no such image", at: bench.now.wall)
                }
            }
            bench.beat()
        }
        #expect(bench.service()?.state == .adjustingInstances)
        #expect(bench.ask(.cancelService(id)) == .accepted(.localService(id)))
        #expect(bench.service()?.state == .inactive)
        #expect(bench.service()?.lastOperation?.reason.contains("deactivated") == true)
        bench.live(.seconds(20))
        #expect(bench.serving().isEmpty)
    }
}
