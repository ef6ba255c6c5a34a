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

/// Executors take other work once their required local services are healthy.
@Suite struct ReadinessTests {
    @Test func `an executor that joins has its services first, other work only when they are healthy`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.create(instances: 8)
        bench.converge()
        #expect(bench.healthy() == 7)
        let joined = bench.join(1)
        bench.beat()
        bench.beat()
        #expect(bench.turn.committed.instances(of: id, on: joined).count == 1)
        #expect(bench.instances().allSatisfy { $0.executor != joined })
        #expect(bench.application()?.shortfall?.text.contains("1 waiting for local services") == true)
        bench.converge()
        #expect(bench.healthy() == 8)
        #expect(bench.instances().contains { $0.executor == joined })
    }

    @Test func `a service that is not required keeps no executor waiting`() throws {
        var bench = try Bench.serving(exampleService(isRequired: false), executors: 1)
        bench.create(instances: 8)
        bench.converge()
        let joined = bench.join(1)
        bench.beat()
        bench.beat()
        #expect(bench.instances().contains { $0.executor == joined })
    }

    @Test func `an executor that was ready stays so when a service is activated or fails later`() throws {
        var bench = try Bench(executors: 1)
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.create(instances: 1)
        #expect(bench.instances().count == 1)
        try bench.failOver(epoch: 2)
        bench.beat()
        bench.beat()
        bench.create(instances: 1, exampleSpec(name: "OTHER"))
        #expect(bench.instances("OTHER-1").count == 1)
    }

    @Test func `while a failed service waits for its next start, its place is kept free for it`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.create(instances: 8)
        bench.converge()
        #expect(bench.healthy() == 7)
        bench.failService()
        #expect(bench.serving().isEmpty)
        #expect(bench.instances().count == 7)
        bench.live(.seconds(5))
        bench.converge()
        #expect(bench.spread() == [bench.ids[0]: 1])
    }

    @Test func `room that a required service lacks is not given to others as it comes`() throws {
        var bench = try Bench(executors: 1, cores: 4)
        bench.create(instances: 4)
        bench.converge()
        bench.ask(.create(exampleService(cores: 2), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.create(instances: 1, exampleSpec(name: "OTHER"))
        bench.ask(.scale(AppID("TEST_APP-1"), required: 3, opSpec()))
        bench.converge()
        #expect(bench.instances("OTHER-1").isEmpty && bench.serving().isEmpty)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 2, opSpec()))
        bench.converge()
        #expect(bench.spread() == [bench.ids[0]: 1])
    }

    @Test func `a service that no machine could hold keeps none from other work`() throws {
        var bench = try Bench(executors: 1, cores: 4)
        bench.ask(.create(exampleService(cores: 5), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.create(instances: 1)
        #expect(bench.instances().count == 1)
        #expect(bench.service()?.obstacle(on: bench.ids[0])?.contains("not enough cores") == true)
    }

    @Test func `a lost executor that comes back waits for its services again`() throws {
        var bench = try Bench.serving(executors: 2)
        let gone = bench.ids[0]
        bench.live(.seconds(12), beating: [bench.ids[1]])
        bench.executors[gone]?.restart(knowing: false)
        bench.beat()
        bench.beat()
        bench.create(instances: 9)
        #expect(bench.instances().allSatisfy { $0.executor != gone })
        bench.converge()
        #expect(bench.instances().contains { $0.executor == gone })
    }

    @Test func `a service that asks for a quantity no machine has keeps none from other work`() throws {
        var bench = try Bench(executors: 1)
        var greedy = exampleService()
        greedy.service.resources.diskMB = 100
        bench.ask(.create(greedy, instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.converge()
        bench.create(instances: 1)
        bench.converge()
        #expect(bench.healthy() == 1)
    }

    @Test func `two services that only together are too much keep no machine from other work`() throws {
        var bench = try Bench(executors: 1, cores: 8)
        for name in ["LEFT", "RIGHT"] {
            bench.ask(.create(exampleService(name: name, cores: 5), instancesPerHost: 1))
            bench.ask(.activate(ServiceID("\(name)-1")))
        }
        bench.converge()
        bench.create(instances: 1)
        bench.converge()
        #expect(bench.healthy() == 1)
    }

    @Test func `a machine too small for a service takes other work again after it was away`() throws {
        var bench = try Bench(executors: 2, cores: 4)
        bench.ask(.create(exampleService(cores: 5), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.live(.seconds(12), beating: [bench.ids[1]])
        bench.executors[bench.ids[0]]?.restart(knowing: false)
        bench.converge()
        bench.create(instances: 8)
        bench.converge()
        #expect(bench.healthy() == 8)
    }

    @Test func `what was kept free for a service is free as soon as it is deactivated`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.failService()
        let host = bench.ids[0]
        #expect(bench.serving().isEmpty && bench.turn.committed.members[host]?.usage.usedCores == 1, "reserved")
        bench.ask(.create(exampleSpec(), instances: 8, opSpec(8)))
        #expect(bench.instances().count == 7)
        bench.ask(.deactivate(id))
        bench.take(.tick)
        #expect(bench.instances().count == 8, "whoever waits for that room has it")
        bench.ask(.scale(AppID("TEST_APP-1"), required: 0, opSpec()))
        bench.converge()
        #expect(bench.turn.committed.members[host]?.usage.usedCores == 0)
    }

    @Test func `room that unknown containers leave is taken by the service that lacks it`() throws {
        var bench = try Bench(executors: 1)
        bench.ask(.create(exampleSpec(), instances: 8, opSpec(8)))
        bench.converge()
        #expect(bench.healthy() == 8)
        bench.store = [:]
        try bench.failOver(epoch: 2)
        bench.live(.seconds(3))
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.live(.seconds(12))
        #expect(bench.service()?.obstacle(on: bench.ids[0])?.contains("not enough cores") == true)
        bench.ask(.cluster(.confirmStops))
        for _ in 0..<3 { bench.converge() }
        #expect(bench.spread() == [bench.ids[0]: 1])
    }
}
