import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// Two versions of a service, and the rollout between them.
extension Bench {
    /// So many of the first version run; of the second there are none yet.
    static func twoVersions(
        _ count: Int,
        executors: Int = 1,
        cores: Int = 16,
        _ spec: ApplicationSpec = exampleSpec(version: "2")
    ) throws -> Bench {
        var bench = try Bench(executors: executors, cores: cores)
        let opSpec = ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: 8)
        bench.ask(.create(exampleSpec(), instances: count, opSpec))
        bench.ask(.create(spec, instances: 0, opSpec))
        bench.converge()
        #expect(bench.healthy() == count)
        return bench
    }

    /// The one under way, to either version.
    var rollout: Rollout? { application("TEST_APP-2")?.operation?.rollout ?? application()?.operation?.rollout }

    /// Delivers and reports, one step at a time, until the rollout is over; all of `failing` but `kept` end at once.
    ///
    /// - Returns: how many there were of both versions together.
    @discardableResult
    mutating func follow(
        failing: [AppID] = [],
        keeping kept: Set<InstanceID> = [],
        until isReached: (Bench) -> Bool = { _ in false }
    ) -> Watch {
        var watch = Watch()
        for _ in 0..<400 where rollout != nil && !isReached(self) {
            watch.look(self)
            deliver()
            for id in ids { fail(failing, but: kept, on: id) }
            beat()
            watch.look(self)
            for id in ids { executors[id]?.advance(at: now.wall) }
            beat()
            watch.look(self)
            take(.tick)
            pass(.milliseconds(500))
        }
        return watch
    }

    private mutating func fail(_ apps: [AppID], but kept: Set<InstanceID>, on executor: ExecutorID) {
        let owners = apps.map(Owner.application)
        let reports = executors[executor]?.instances.values.map(\.self) ?? []
        for report in reports where owners.contains(report.owner) && !kept.contains(report.id) && report.state.isAlive {
            let cause = EndCause.exited(code: 1, outOfMemory: false)
            executors[executor]?.set(report.id, .stopped, error: "exit 1", cause: cause, at: now.wall)
        }
    }

    /// Until so many of the second version are healthy.
    mutating func go(to count: Int) {
        follow { $0.healthy("TEST_APP-2") >= count }
        #expect(healthy("TEST_APP-2") == count)
    }
}

extension Bench.Watch {
    /// Both versions together.
    fileprivate mutating func look(_ bench: Bench) {
        let all = bench.instances() + bench.instances("TEST_APP-2")
        fewestHealthy = min(fewestHealthy, all.count(where: \.isHealthy))
        mostAlive = max(mostAlive, all.count(where: \.isAlive))
    }
}
