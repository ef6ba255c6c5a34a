import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

@Suite struct ServiceTests {
    @Test func `a created service is started, committed before its START leaves, and becomes healthy`() throws {
        var bench = try Bench()
        #expect(
            bench.ask(.create(exampleSpec(), instances: 3, .standard)) == .accepted(.application(AppID("TEST_APP-1")))
        )
        // Parallelism 1: one at a time.
        #expect(bench.sent.count == 1)
        #expect(bench.store[RecordKey(.hint, "executor-0")] != nil)
        #expect(bench.application()?.state == .running)
        bench.converge()
        #expect(bench.healthy() == 3)
        #expect(bench.application()?.operation == nil)
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `scale goes up and down to the count asked for, oldest stopped first`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let oldest = try #require(bench.instances().first?.id)
        let wide = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 10, failureStrategy: .stop)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 5, wide))
        #expect(bench.application()?.state == .scalingRequested)
        #expect(bench.instances().count == 5)
        bench.converge()
        #expect(bench.healthy() == 5)
        #expect(bench.application()?.state == .running)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 4, wide))
        bench.converge()
        #expect(bench.healthy() == 4)
        #expect(!bench.instances().contains { $0.id == oldest })
        #expect(bench.turn.committed.endedInstances(of: AppID("TEST_APP-1")).map(\.id) == [oldest])
    }

    @Test func `a service is destroyed only after it was suspended, and leaves nothing`() throws {
        var bench = try Bench()
        bench.create(instances: 2)
        bench.converge()
        let app = AppID("TEST_APP-1")
        #expect(
            bench.ask(.destroy(app, .standard))
                == .refused([
                    """
                    Only [RECOVER, REPLACE_INSTANCES, SCALE_INSTANCES, START_INSTANCES, STOP_INSTANCES, SUSPEND] \
                    allowed for app TEST_APP-1 as it is in RUNNING state
                    """
                ])
        )
        bench.ask(.suspend(app, .standard))
        bench.converge()
        #expect(bench.application()?.state == .monitoring)
        bench.ask(.destroy(app, .standard))
        bench.converge()
        #expect(bench.application() == nil)
        #expect(Set(bench.store.keys.map(\.kind)) == [.member])
        #expect(bench.ask(.scale(app, required: 1, .standard)) == .refused(["No state found for app: TEST_APP-1"]))
    }

    @Test func `the first failure is replaced at once, later ones wait one second, two, four`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        var waits: [Int64] = []
        for _ in 0..<5 {
            bench.deliver()
            let id = try #require(bench.instances().first { $0.isAlive }?.id)
            bench.executors[bench.ids[0]]?.set(
                id,
                .startFailed,
                error: "no such image",
                cause: .startFailed,
                at: bench.now.wall
            )
            bench.beat()
            let start = bench.now.now
            while !bench.instances().contains(where: { $0.isAlive }) {
                bench.pass(.milliseconds(100))
                bench.take(.tick)
                bench.beat()
            }
            waits.append((bench.now.now - start).milliseconds)
        }
        #expect(waits == [0, 1000, 2000, 4000, 8000])
        #expect(bench.application()?.backoff.reason == "no such image")
    }

    @Test func `a failure after ten seconds of health is replaced at once and clears the back-off`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.converge()
        bench.live(.seconds(11))
        let id = try #require(bench.instances().first?.id)
        bench.executors[bench.ids[0]]?.set(
            id,
            .unhealthy,
            error: "container exited with code 0",
            cause: .exited(code: 0, outOfMemory: false),
            at: bench.now.wall
        )
        bench.beat()
        #expect(bench.instances().contains { $0.isAlive && $0.id != id })
        #expect(bench.application()?.backoff.failures == 0)
    }

    @Test func `an operation that cannot be done in its time fails with the reason, and the count stays`() throws {
        var bench = try Bench(cores: 2)
        bench.create(instances: 0)
        let spec = ClusterOpSpec(timeout: DurationText(20, .seconds), parallelism: 1, failureStrategy: .stop)
        bench.ask(.scale(AppID("TEST_APP-1"), required: 1, spec))
        bench.live(.seconds(21))
        let last = try #require(bench.application()?.lastOperation)
        #expect(last.outcome == .failed)
        #expect(last.reason.hasPrefix("not done within 20 seconds: 0 of 1 healthy"))
        #expect(bench.application()?.expected == 1)
        #expect(bench.application()?.state == .running)
    }

    @Test func `what does not fit is refused at once with Drove's texts`() throws {
        var bench = try Bench(cores: 4, memoryMB: 1024)
        bench.create(instances: 0)
        #expect(
            bench.ask(.scale(AppID("TEST_APP-1"), required: 9, .standard))
                == .refused([
                    "Cluster does not have enough CPU. Required: 9 Available: 4",
                    "Cluster does not have enough Memory. Required: 1152 Available: 1024",
                ])
        )
        var empty = try Bench(executors: 0)
        empty.create(instances: 0)
        #expect(
            empty.ask(.scale(AppID("TEST_APP-1"), required: 1, .standard))
                == .refused(["No executors on cluster"])
        )
    }

    @Test func `a service created beyond what fits says why and grows when room comes`() throws {
        var bench = try Bench(cores: 2)
        bench.create(instances: 3)
        bench.converge()
        #expect(bench.healthy() == 2)
        #expect(bench.application()?.shortfall?.text == "0 of 1 executors fit: 1 not enough cores")
        let another = TestExecutor(number: 1, cores: 8, memoryMB: 8192)
        bench.executors[another.identity.id] = another
        bench.converge()
        #expect(bench.healthy() == 3)
        #expect(bench.application()?.shortfall == nil)
    }

    @Test func `a service goes where its tag is, and says so when it is nowhere`() throws {
        var bench = try Bench(executors: 3)
        let id = ExecutorID("executor-1")
        bench.executors[id]?.description.tags.append("ssd")
        bench.executors[id]?.restart()
        bench.beat()
        bench.beat()
        bench.create(instances: 3, exampleSpec(name: "FAST", policy: .matchTag("ssd")))
        bench.create(instances: 1, exampleSpec(name: "HOSTED", policy: .matchTag("host-2")))
        bench.create(instances: 2, exampleSpec(name: "PLAIN", policy: .noTag))
        bench.create(instances: 1, exampleSpec(name: "NOWHERE", policy: .matchTag("gpu")))
        bench.converge()
        bench.converge()
        #expect(bench.instances("FAST-1").map(\.executor) == [id, id, id])
        #expect(bench.instances("HOSTED-1").map(\.executor) == [ExecutorID("executor-2")])
        #expect(bench.instances("PLAIN-1").count == 2)
        #expect(!bench.instances("PLAIN-1").contains { $0.executor == id })
        #expect(
            bench.application("NOWHERE-1")?.shortfall?.text == "0 of 3 executors fit: 3 without the tag gpu"
        )
    }

    @Test func `a service follows a rule about its executors and its environment`() throws {
        var bench = try Bench(executors: 3)
        let id = ExecutorID("executor-1")
        bench.executors[id]?.description.metadata = ["rack": "r1"]
        bench.executors[id]?.restart()
        bench.beat()
        bench.beat()
        let rule = PlacementRule("'/allocatedExecutorNodeMetadata/rack' == '/applicationEnvironment/RACK'")
        bench.create(instances: 2, exampleSpec(name: "NEAR", policy: .ruleBased(rule), env: ["RACK": "r1"]))
        bench.create(instances: 1, exampleSpec(name: "FAR", policy: .ruleBased(rule), env: ["RACK": "r2"]))
        bench.converge()
        bench.converge()
        #expect(bench.instances("NEAR-1").map(\.executor) == [id, id])
        #expect(
            bench.application("FAR-1")?.shortfall?.text == """
                0 of 3 executors fit: 2 where the policy's rule cannot be evaluated \
                (there is no /allocatedExecutorNodeMetadata/rack), 1 ruled out by the policy's rule
                """
        )
    }

    @Test func `what is not built yet is refused with a clear message`() throws {
        var bench = try Bench()
        let local = PlacementPolicy.local(hostLevel: true)
        for policy in [local, .composite(policies: [.noTag, local], combiner: .or)] {
            #expect(
                bench.ask(.create(exampleSpec(name: "LOCAL", policy: policy), instances: 1, .standard))
                    == .refused(["placementPolicy: LOCAL comes with a later version of Apus"])
            )
        }
    }

    @Test func `room that the tags of a policy keep it from does not count for a scaling`() throws {
        var bench = try Bench(executors: 2, cores: 4)
        bench.executors[bench.ids[0]]?.description.tags.append("gpu")
        bench.executors[bench.ids[0]]?.restart()
        bench.converge()
        for (policy, most) in [
            (PlacementPolicy.any, 4), (.matchTag("gpu"), 4), (.composite(policies: [.noTag, .any], combiner: .and), 4),
        ] {
            let spec = exampleSpec(name: "A\(policy.typeName)", memoryMB: 16, policy: policy)
            bench.create(instances: 0, spec)
            let answer = bench.ask(.scale(spec.id, required: most + 1, .standard))
            #expect(answer == .refused(["Cluster does not have enough CPU. Required: 5 Available: 4"]))
            #expect(bench.ask(.scale(spec.id, required: 1, .standard)) == .accepted(.application(spec.id)))
            bench.converge()
            bench.ask(.suspend(spec.id, .standard))
            bench.converge()
        }
    }
}
