import ApusAgent
import ApusModel
import ApusTestKit
import Testing

/// What never came to an answer at the edge: the executor was too busy, or its container engine.
struct PatienceTests {
    typealias Bench = TransitionTests.Bench

    private static let container = ContainerID("c")

    /// So many seconds in which nothing is answered but reports.
    private func waitInVain(_ seconds: Int, _ bench: inout Bench) {
        for _ in 0..<seconds { bench.wait(.seconds(1)) }
    }

    @Test(arguments: [InstanceState.unready, .ready, .healthy])
    func `checks that never had their turn are no judgement`(state: InstanceState) {
        var bench = Bench()
        bench.reach(state)
        waitInVain(120, &bench)
        #expect(bench.state == state)
        #expect(bench.cancelled.count > 5)
        #expect(bench.error.hasSuffix("could not be judged: there was no outcome in time"))
        bench.outcome(.passed)
        #expect(bench.error.isEmpty)
    }

    @Test func `a stop that never had its turn is asked for again, and nothing is removed by force`() {
        var bench = Bench()
        bench.reach(.healthy)
        bench.stop()
        let stop = Job.stop(Self.container, grace: .seconds(10))
        #expect(bench.job == stop)
        bench.job = nil
        waitInVain(99, &bench)
        #expect(bench.job == nil)
        waitInVain(2, &bench)
        #expect(bench.job == stop)
        #expect(bench.state == .stopping)
        bench.outcome(.stopped)
        #expect(bench.job == .remove(Self.container))
    }

    @Test func `a pull, a creation and a start that never had their turn are asked for again`() {
        for outcomes in [[], [.pulled], [.pulled, .created(Self.container, [])]] as [[Outcome]] {
            var bench = Bench()
            for outcome in outcomes { bench.outcome(outcome) }
            let (state, job) = (bench.state, bench.job)
            bench.job = nil
            waitInVain(192, &bench)
            #expect(bench.state == state)
            #expect(bench.job == job)
        }
    }

    @Test func `a hook that never had its turn does not hold up the stop`() {
        var spec = instanceSpec()
        spec.spec.preShutdown = PreShutdownSpec(hooks: [.command(CommandCheck(command: "drain"))])
        var bench = Bench(spec)
        bench.reach(.healthy)
        bench.stop()
        waitInVain(41, &bench)
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
        #expect(bench.error == "pre-shutdown hook 1 of 1 failed: there was no outcome in time")
    }

    @Test func `the wait before the kill is an hour at most`() {
        var spec = instanceSpec()
        spec.spec.preShutdown = PreShutdownSpec(waitBeforeKill: DurationText(365, .days))
        var bench = Bench(spec)
        bench.reach(.healthy)
        bench.stop()
        bench.job = nil
        bench.wait(.seconds(3599))
        #expect(bench.job == nil)
        bench.wait(.seconds(1))
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
    }
}
