import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

extension Bench {
    @discardableResult
    mutating func ask(_ operation: LocalServiceOperation) -> CommandOutcome? { ask(.localService(operation)) }

    func service(_ id: String = "TEST_SERVICE-1") -> LocalService? { turn.committed.localServices[ServiceID(id)] }
    func serving(_ id: String = "TEST_SERVICE-1") -> [Instance] { turn.committed.instances(of: ServiceID(id)) }

    /// By executor, those that are healthy.
    func spread(_ id: String = "TEST_SERVICE-1") -> [ExecutorID: Int] {
        Dictionary(serving(id).filter(\.isHealthy).map { ($0.executor, 1) }, uniquingKeysWith: +)
    }

    /// A cluster with an active service, healthy everywhere.
    static func serving(_ spec: LocalServiceSpec = exampleService(), executors: Int = 3, perHost: Int = 1) throws
        -> Self
    {
        var bench = try Bench(executors: executors)
        bench.ask(.create(spec, instancesPerHost: perHost))
        bench.ask(.activate(spec.id))
        bench.converge()
        #expect(bench.spread(spec.id.rawValue) == Dictionary(uniqueKeysWithValues: bench.ids.map { ($0, perHost) }))
        return bench
    }

    mutating func join(_ number: Int, cores: Int = 8, memoryMB: Int64 = 8192) -> ExecutorID {
        let executor = TestExecutor(number: number, cores: cores, memoryMB: memoryMB)
        executors[executor.identity.id] = executor
        return executor.identity.id
    }
}

private let id = ServiceID("TEST_SERVICE-1")

private func opSpec(_ parallelism: Int = 1) -> ClusterOpSpec {
    ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: parallelism)
}

/// Local services in their three activations (contract §4.4).
@Suite struct LocalServiceTests {
    @Test func `a new service is inactive and runs nowhere`() throws {
        var bench = try Bench(executors: 2)
        #expect(bench.ask(.create(exampleService(), instancesPerHost: 1)) == .accepted(.localService(id)))
        bench.converge()
        #expect(bench.service()?.state == .inactive)
        #expect(bench.serving().isEmpty)
    }

    @Test func `an active service has its instances on every executor`() throws {
        let bench = try Bench.serving(executors: 3, perHost: 2)
        #expect(bench.service()?.state == .active)
        #expect(bench.serving().allSatisfy { $0.id.rawValue.hasPrefix("SI-") })
    }

    @Test func `a tagged executor has it too`() throws {
        var bench = try Bench(executors: 2)
        let tagged = bench.join(2)
        bench.executors[tagged]?.description.tags.append("gpu")
        bench.beat()
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.converge()
        #expect(bench.spread()[tagged] == 1)
    }

    @Test func `a deactivated service ends everywhere, and its instances are kept to be looked at`() throws {
        var bench = try Bench.serving()
        bench.ask(.deactivate(id))
        #expect(bench.service()?.state == .inactive)
        bench.converge()
        #expect(bench.serving().isEmpty)
        let ended = bench.turn.committed.endedInstances(of: .localService(id))
        #expect(ended.count == 3 && ended.allSatisfy { $0.cause == .stopped(.scaledDown) })
    }

    @Test func `a test has exactly one instance on one executor, until the service is activated`() throws {
        var bench = try Bench(executors: 3)
        bench.ask(.create(exampleService(), instancesPerHost: 2))
        bench.ask(.deployTestInstance(id))
        bench.converge()
        #expect(bench.service()?.state == .configTesting)
        #expect(bench.serving().count(where: \.isHealthy) == 1)
        bench.ask(.activate(id))
        bench.converge()
        #expect(bench.spread() == Dictionary(uniqueKeysWithValues: bench.ids.map { ($0, 2) }))
    }

    @Test func `one that dies is started again on its own host`() throws {
        var bench = try Bench.serving()
        let victim = try #require(bench.serving().first)
        bench.executors[victim.executor]?.set(victim.id, .stopped, error: "exited", at: bench.now.wall)
        bench.converge()
        #expect(bench.spread() == Dictionary(uniqueKeysWithValues: bench.ids.map { ($0, 1) }))
        #expect(!bench.serving().contains { $0.id == victim.id })
    }

    @Test func `what keeps failing on one host is held back there, and says why`() throws {
        var bench = try Bench(executors: 2)
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        let ill = try #require(bench.ids.last)
        var starts = 0
        for _ in 0..<20 {
            bench.deliver()
            for instance in bench.executors[ill]?.instances.values.filter({ $0.state.isAlive }) ?? [] {
                starts += 1
                bench.executors[ill]?.set(instance.id, .stopped, error: "no such image", at: bench.now.wall)
            }
            for id in bench.ids where id != ill { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
            bench.pass(.milliseconds(500))
        }
        #expect(starts > 2 && starts < 8)
        #expect(bench.service()?.obstacle(on: ill)?.contains("no such image") == true)
        #expect(bench.spread() == [bench.ids[0]: 1])
    }

    @Test func `without room it waits, says why, and takes the room as it comes`() throws {
        var bench = try Bench(executors: 1, cores: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.activate(id))
        bench.converge()
        #expect(bench.serving().isEmpty)
        #expect(bench.service()?.obstacle(on: bench.ids[0])?.contains("not enough cores") == true)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, opSpec()))
        bench.converge()
        #expect(bench.spread() == [bench.ids[0]: 1])
    }

    @Test func `a lost executor's instances are lost, and come back with it`() throws {
        var bench = try Bench.serving()
        let gone = bench.ids[0]
        bench.live(.seconds(12), beating: Array(bench.ids.dropFirst()))
        #expect(bench.spread()[gone] == nil && bench.serving().count == 2)
        bench.converge()
        #expect(bench.spread() == Dictionary(uniqueKeysWithValues: bench.ids.map { ($0, 1) }))
        #expect(bench.serving().count == 3)
    }

    @Test func `a new leader finds the services as they are and starts nothing twice`() throws {
        var bench = try Bench.serving()
        let before = Set(bench.serving().map(\.id))
        try bench.failOver(epoch: 2)
        bench.converge()
        #expect(Set(bench.serving().map(\.id)) == before)
        #expect(bench.service()?.state == .active)
        #expect(bench.service()?.instancesPerHost == 1)
    }

    @Test func `the history of ended instances survives a change of leader`() throws {
        var bench = try Bench.serving()
        bench.ask(.deactivate(id))
        bench.converge()
        try bench.failOver(epoch: 2)
        #expect(bench.turn.committed.endedInstances(of: .localService(id)).count == 3)
    }
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
        for _ in 0..<3 {
            for instance in bench.serving() {
                bench.executors[instance.executor]?.set(instance.id, .stopped, error: "exited", at: bench.now.wall)
            }
            bench.beat()
            bench.deliver()
            bench.beat()
        }
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
}

/// Local services where executors are kept from work.
@Suite struct LocalServiceDutyTests {
    @Test func `a blacklisted executor's local services go last, and come back before other work`() throws {
        var bench = try Bench.serving(executors: 2)
        bench.create(instances: 6)
        bench.converge()
        let leaving = try #require(bench.instances().first?.executor)
        bench.ask(.cluster(.order(.blacklist, ExecutorSelection(ids: [leaving]))))
        for _ in 0..<100 where !bench.serving().filter({ $0.executor == leaving }).isEmpty {
            let others = bench.instances().filter { $0.executor == leaving }
            if !others.isEmpty { #expect(bench.spread()[leaving] == 1, "it stays while they do") }
            bench.deliver()
            for id in bench.ids { bench.executors[id]?.advance(at: bench.now.wall) }
            bench.beat()
            bench.take(.tick)
        }
        #expect(bench.spread()[leaving] == nil)
        bench.ask(.cluster(.order(.unblacklist, ExecutorSelection(ids: [leaving]))))
        bench.create(instances: 3, exampleSpec(name: "OTHER"))
        #expect(bench.instances("OTHER-1").allSatisfy { $0.executor != leaving })
        bench.converge()
        #expect(bench.spread()[leaving] == 1)
    }

    @Test func `in maintenance no local service is started or stopped, and afterwards all is made good`() throws {
        var bench = try Bench.serving(executors: 1)
        bench.ask(.cluster(.setMode(.maintenance)))
        let victim = try #require(bench.serving().first)
        bench.executors[victim.executor]?.set(victim.id, .stopped, error: "exited", at: bench.now.wall)
        bench.converge()
        #expect(bench.serving().isEmpty)
        #expect(bench.ask(.deactivate(id)) == .refused(["Cluster is in maintenance mode"]))
        bench.ask(.cluster(.setMode(.normal)))
        bench.converge()
        #expect(bench.spread() == [bench.ids[0]: 1])
    }
}
