import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// ROLLOUT moves a service from one application to another.
@Suite struct RolloutTests {
    private let old = AppID("TEST_APP-1")
    private let new = AppID("TEST_APP-2")

    private func opSpec(_ parallelism: Int = 1) -> ClusterOpSpec {
        ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: parallelism)
    }

    @Test(arguments: [(3, 3, 1), (4, 4, 2), (2, 4, 1), (5, 2, 1), (1, 1, 8), (0, 2, 1)])
    func `the new version takes the old one's place: never fewer healthy, never more than the surge`(
        _ before: Int,
        _ target: Int,
        _ parallelism: Int
    ) throws {
        var bench = try Bench.twoVersions(before)
        let outcome = bench.ask(.rollout(new, from: old, .count(target), opSpec(parallelism)))
        #expect(outcome == .accepted(.application(new)))
        #expect(bench.application("TEST_APP-2")?.state == .scalingRequested)
        #expect(bench.application()?.state == .scalingRequested)
        let watch = bench.follow()
        #expect(watch.fewestHealthy >= min(before, target))
        #expect(watch.mostAlive <= target + parallelism)
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (0, target))
        #expect(bench.instances().isEmpty)
        #expect(bench.application()?.expected == 0)
        #expect(bench.application()?.state == .monitoring)
        #expect(bench.application("TEST_APP-2")?.expected == target)
        #expect(bench.application("TEST_APP-2")?.state == .running)
        for app in [bench.application(), bench.application("TEST_APP-2")] {
            #expect(app?.lastOperation?.kind == .rollout)
            #expect(app?.lastOperation?.outcome == .succeeded)
            #expect((app?.lastOperation?.from, app?.lastOperation?.to) == (old, new))
        }
        #expect(bench.turn.committed.endedInstances(of: old).allSatisfy { $0.cause == .stopped(.scaledDown) })
    }

    @Test func `the oldest go first, one for each new one that is healthy`() throws {
        var bench = try Bench.twoVersions(3)
        let ids = bench.instances().map(\.id)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        #expect(bench.application("TEST_APP-2")?.expected == 3)
        bench.go(to: 1)
        #expect(bench.instances().filter(\.isAlive).map(\.id) == Array(ids.dropFirst()))
        #expect(bench.application()?.expected == 2)
    }

    @Test func `a rollout the other way round brings the old version back`() throws {
        var bench = try Bench.twoVersions(2)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        bench.follow()
        bench.converge()
        #expect(bench.ask(.rollout(old, from: new, .asBefore, opSpec())) == .accepted(.application(old)))
        #expect(bench.follow().fewestHealthy >= 2)
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (2, 0))
    }

    @Test func `a service that follows a share goes on following it, and does not follow it twice`() throws {
        var bench = try Bench(executors: 2)
        let share = try CapacityShare(parsing: "25%")
        bench.ask(.createShare(exampleSpec(memoryMB: 16), share, opSpec(8)))
        bench.ask(.create(exampleSpec(version: "2", memoryMB: 16), instances: 0, opSpec()))
        bench.converge()
        #expect(bench.healthy() == 4)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        bench.go(to: 1)
        let third = bench.join(2)
        bench.beat([third])
        bench.beat([third])
        #expect(bench.application("TEST_APP-2")?.expected == 6)
        #expect(bench.application()?.expected ?? 9 <= 4)
        bench.follow()
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (0, 6))
        #expect(bench.application()?.share == nil)
        #expect(bench.application("TEST_APP-2")?.share == share)
    }

    @Test func `another share may be asked for`() throws {
        var bench = try Bench.twoVersions(2, cores: 8)
        bench.ask(.rollout(new, from: old, .share(try CapacityShare(parsing: "50%")), opSpec(2)))
        bench.follow()
        #expect(bench.application("TEST_APP-2")?.expected == 4)
        #expect(bench.application("TEST_APP-2")?.share?.text == "50%")
    }

    @Test func `it goes on under a new leader, and both are bound to it still`() throws {
        var bench = try Bench.twoVersions(3)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        bench.go(to: 1)
        bench.deliver()
        bench.beat()
        try bench.failOver(epoch: 2)
        #expect(bench.application()?.state == .scalingRequested)
        #expect(bench.ask(.scale(old, required: 5, opSpec())) == .refused([busy(old)]))
        let watch = bench.follow()
        #expect(watch.fewestHealthy >= 3)
        #expect(watch.mostAlive <= 4)
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (0, 3))
    }

    @Test func `an executor that is lost in the middle holds it up and no more`() throws {
        var bench = try Bench.twoVersions(6, executors: 3, cores: 8)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec(2)))
        bench.go(to: 2)
        let lost = try #require(bench.instances("TEST_APP-2").first?.executor)
        bench.executors[lost] = nil
        bench.follow()
        bench.converge()
        #expect((bench.healthy(), bench.healthy("TEST_APP-2")) == (0, 6))
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
    }

    @Test func `a new one that is to be stopped with its executor takes no old one's place`() throws {
        var bench = try Bench.twoVersions(3, cores: 3)
        let place = bench.join(1)
        bench.beat([place])
        bench.beat([place])
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        #expect(bench.instances("TEST_APP-2").map(\.executor) == [place])
        bench.deliver()
        bench.beat()
        bench.executors[place]?.advance(at: bench.now.wall)
        let report = try #require(bench.executors[place]?.report())
        // Both come in one turn.
        _ = bench.turn.take(.report(1_000, report), at: bench.now)
        #expect(bench.order(.suspend(.atOnce(isConfirmed: true)), [place]) == .done([place]))
        #expect(bench.healthy("TEST_APP-2") == 0)
        #expect(bench.healthy() == 3)
    }

    // MARK: what is refused

    private func busy(_ app: AppID) -> String {
        "No operations allowed for \(app) as it is in SCALING_REQUESTED state"
    }

    @Test func `nothing else may be asked of either while it runs`() throws {
        var bench = try Bench.twoVersions(2)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        for app in [old, new] {
            #expect(bench.ask(.scale(app, required: 1, opSpec())) == .refused([busy(app)]))
            #expect(bench.ask(.suspend(app, opSpec())) == .refused([busy(app)]))
        }
        #expect(bench.ask(.rollout(old, from: new, .asBefore, opSpec())) == .refused([busy(old)]))
        bench.create(instances: 1, exampleSpec(version: "3"))
        let third = AppID("TEST_APP-3")
        #expect(bench.ask(.rollout(third, from: old, .count(1), opSpec())) == .refused([busy(old)]))
    }

    @Test func `both must be there, free, and versions of one service`() throws {
        var bench = try Bench.twoVersions(1)
        let none = AppID("NONE-1")
        #expect(
            bench.ask(.rollout(none, from: old, .asBefore, opSpec())) == .refused(["No state found for app: NONE-1"])
        )
        #expect(
            bench.ask(.rollout(new, from: none, .asBefore, opSpec())) == .refused(["No state found for app: NONE-1"])
        )
        bench.create(instances: 1, exampleSpec(name: "OTHER"))
        bench.converge()
        #expect(
            bench.ask(.rollout(AppID("OTHER-1"), from: old, .asBefore, opSpec()))
                == .refused([
                    "App OTHER-1 cannot take the place of TEST_APP-1: neither their name nor their virtual host is the same"
                ])
        )
        #expect(
            bench.ask(.rollout(old, from: new, .asBefore, opSpec()))
                == .refused([
                    "App TEST_APP-2 expects no instances: say with requiredInstances how many TEST_APP-1 is to have"
                ])
        )
        bench.ask(.scale(old, required: 2, opSpec()))
        #expect(
            bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
                == .refused(["Only [SCALE_INSTANCES] allowed for app TEST_APP-1 as it is in SCALING_REQUESTED state"])
        )
    }

    @Test func `applications of other names take each other's place behind one virtual host`() throws {
        let exposure = ExposureSpec(vhost: "shop.example", portName: "main")
        var bench = try Bench(cores: 16)
        bench.create(instances: 1, exampleSpec(name: "BLUE", exposure: exposure))
        bench.create(instances: 0, exampleSpec(name: "GREEN", exposure: exposure))
        bench.converge()
        let outcome = bench.ask(.rollout(AppID("GREEN-1"), from: AppID("BLUE-1"), .asBefore, opSpec()))
        #expect(outcome == .accepted(.application(AppID("GREEN-1"))))
        bench.converge()
        #expect((bench.healthy("BLUE-1"), bench.healthy("GREEN-1")) == (0, 1))
    }

    @Test func `the first round must find room, and the whole beside what goes`() throws {
        var full = try Bench.twoVersions(4, cores: 4)
        #expect(
            full.ask(.rollout(new, from: old, .asBefore, opSpec()))
                == .refused([
                    "Cluster does not have enough CPU. Required: 1 Available: 0",
                    "Required cores exceeds the maximum core available on a single NUMA node in the cluster. "
                        + "Required: 1 Max: 0",
                ])
        )
        var wider = try Bench.twoVersions(2, cores: 5, exampleSpec(version: "2", cores: 2))
        #expect(
            wider.ask(.rollout(new, from: old, .count(3), opSpec()))
                == .refused(["Cluster does not have enough CPU. Required: 5 Available: 3"])
        )
        #expect(wider.ask(.rollout(new, from: old, .asBefore, opSpec())) == .accepted(.application(new)))
        wider.converge()
        #expect((wider.healthy(), wider.healthy("TEST_APP-2")) == (0, 2))
    }

    @Test func `a creation that is not done is overtaken, and starts no more of the old version`() throws {
        var bench = try Bench(cores: 16)
        bench.ask(.create(exampleSpec(), instances: 4, opSpec()))
        bench.ask(.create(exampleSpec(version: "2"), instances: 0, opSpec()))
        #expect(bench.instances().count == 1)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        #expect(bench.application()?.lastOperation?.outcome == .superseded)
        bench.follow()
        bench.converge()
        #expect((bench.instances().count, bench.healthy("TEST_APP-2")) == (0, 4))
        #expect(bench.startedOf(old) <= 1)
    }

    @Test func `whoever asks why either is not complete is told of the rollout`() throws {
        var bench = try Bench.twoVersions(2)
        bench.ask(.rollout(new, from: old, .asBefore, opSpec()))
        let state = bench.turn.committed
        for app in [old, new] {
            let told = try #require(state.explanation(of: app, state.ledger(), at: bench.now))
            let texts = told.hindrances.map(\.text)
            #expect(texts.contains("ROLLOUT from TEST_APP-1 to TEST_APP-2 is under way, at most 1 at a time"))
        }
    }
}

extension Bench {
    /// How many instances of an application there ever were.
    fileprivate func startedOf(_ app: AppID) -> Int {
        turn.committed.instances(of: app).count + turn.committed.endedInstances(of: app).count
    }
}
