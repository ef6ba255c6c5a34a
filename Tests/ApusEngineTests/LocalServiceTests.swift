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

    /// Its instances end soon after their starts, until the next ones are held back.
    mutating func failService() {
        for _ in 0..<3 {
            for instance in serving() {
                executors[instance.executor]?.set(instance.id, .stopped, error: "exited", at: now.wall)
            }
            beat()
            deliver()
            beat()
        }
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

    @Test func `a test that finds no room says so, and takes the room as it comes`() throws {
        var bench = try Bench(executors: 1, cores: 4)
        bench.create(instances: 4)
        bench.converge()
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.deployTestInstance(id))
        bench.converge()
        #expect(bench.service()?.obstacle(on: bench.ids[0])?.contains("not enough cores") == true)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 3, opSpec()))
        bench.converge()
        #expect(bench.serving().count(where: \.isHealthy) == 1)
    }

    @Test func `a test that fails is tried again where it failed`() throws {
        var bench = try Bench(executors: 4)
        bench.ask(.create(exampleService(), instancesPerHost: 1))
        bench.ask(.deployTestInstance(id))
        var hosts: Set<ExecutorID> = []
        for _ in 0..<40 {
            bench.deliver()
            for host in bench.ids {
                for instance in bench.executors[host]?.instances.values.filter({ $0.state.isAlive }) ?? [] {
                    hosts.insert(host)
                    bench.executors[host]?.set(instance.id, .stopped, error: "no such image", at: bench.now.wall)
                }
            }
            bench.beat()
            bench.take(.tick)
            bench.pass(.milliseconds(500))
        }
        #expect(hosts.count == 1)
    }

    @Test func `what runs of a service that was forgotten is left alone until it is active again`() throws {
        var bench = try Bench.serving(executors: 1, perHost: 3)
        let running = Set(bench.serving().map(\.id))
        bench.store = [:]
        try bench.failOver(epoch: 2)
        bench.live(.seconds(15))
        bench.ask(.create(exampleService(), instancesPerHost: 3))
        bench.live(.seconds(5))
        #expect(bench.executors[bench.ids[0]]?.instances.values.count { $0.state.isAlive } == 3)
        bench.ask(.activate(id))
        bench.converge()
        #expect(Set(bench.serving().map(\.id)) == running)
    }
}
