import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

@Suite struct CountTests {
    /// Operations, failures, lost and returning executors, and changes of leader, in an order that the seed draws.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `the count of an application's live instances is what a walk over all of them finds, whatever happens`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        var bench = try Bench(executors: 4, cores: 6)
        let wide = ClusterOpSpec(timeout: DurationText(1, .minutes), parallelism: 4, failureStrategy: .rollback)
        var epoch: Epoch = 1
        for app in ["A", "B"] { bench.create(instances: 4, exampleSpec(name: app)) }
        var most = 0
        for _ in 0..<60 {
            let app = AppID(Bool.random(using: &random) ? "A-1" : "B-1")
            let host = bench.ids.randomElement(using: &random) ?? bench.ids[0]
            switch Int.random(in: 0..<12, using: &random) {
            case 0: bench.ask(.scale(app, required: Int.random(in: 0...9, using: &random), wide))
            case 1: bench.ask(.replaceInstances(app, ids: [], stopFirst: Bool.random(using: &random), wide))
            case 2: bench.ask(.suspend(app, wide))
            case 3: bench.ask(.destroy(app, wide))
            case 4: bench.ask(.create(exampleSpec(name: "A"), instances: 3, wide))
            case 5: bench.ask(.cancel(app))
            case 6:
                let some = bench.executors[host]?.instances.keys.sorted().randomElement(using: &random)
                if let some { bench.executors[host]?.set(some, .stopped, error: "exit 1", at: bench.now.wall) }
            case 7: bench.executors[host]?.restart(knowing: Bool.random(using: &random))
            case 8: bench.live(.seconds(12), beating: bench.ids.filter { $0 != host })
            case 9:
                epoch += 1
                try bench.failOver(epoch: epoch)
            case 10: bench.ask(.cluster(.order(.blacklist, ExecutorSelection(ids: [host]))))
            default: bench.ask(.cluster(.order(.unblacklist, ExecutorSelection(ids: bench.ids))))
            }
            if Bool.random(using: &random) { bench.converge() } else { bench.live(.seconds(1)) }
            let state = bench.turn.committed
            for app in ["A-1", "B-1"].map({ AppID($0) }) {
                let walked = state.instances.values.filter { $0.app == app }
                #expect(state.aliveInstances(of: app) == walked.count(where: \.isAlive))
                let oldestFirst = walked.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
                #expect(state.instances(of: app).map(\.id) == oldestFirst.map(\.id))
                most = max(most, walked.count)
            }
        }
        #expect(most > 3, "something was counted")
    }
}
