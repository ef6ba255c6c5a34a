import ApusAgent
import ApusModel
import ApusTestKit
import Testing

/// The instance machine of the contract §4.3, event by event.
struct TransitionTests {
    static let refused = Outcome.failed(JobFailure(.other, reason: "no such thing"))
    static let container = ContainerID("c")

    @Test func `a start goes through every state to HEALTHY`() {
        var bench = Bench()
        #expect(bench.state == .provisioning)
        #expect(bench.job == .pull(image: "test:1", timeout: .seconds(100)))
        bench.outcome(.pulled)
        #expect(bench.state == .starting)
        #expect(bench.job == .create(instanceSpec(), created: WallTime(milliseconds: 0), epoch: 1, ports: []))
        bench.outcome(.created(Self.container, []))
        #expect(bench.state == .starting)
        #expect(bench.job == .start(Self.container))
        bench.outcome(.started)
        #expect(bench.state == .unready)
        guard case .check = bench.job else { return #expect(Bool(false), "the first readiness try must be immediate") }
        bench.outcome(.passed)
        #expect(bench.state == .ready)
        guard case .check = bench.job else { return #expect(Bool(false), "the first health try must be immediate") }
        bench.outcome(.passed)
        #expect(bench.state == .healthy)
        #expect(bench.error.isEmpty && bench.cause == nil)
    }

    @Test func `a failed pull ends the instance, and nothing is there to remove`() {
        var bench = Bench()
        bench.outcome(Self.refused)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .pullFailed)
        #expect(bench.error == "image test:1 could not be fetched: no such thing")
    }

    @Test func `a failed create ends the instance`() {
        var bench = Bench()
        bench.outcome(.pulled)
        bench.outcome(Self.refused)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .startFailed)
    }

    @Test func `a failed start removes the container`() {
        var bench = Bench()
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.outcome(Self.refused)
        #expect(bench.state == .deprovisioning)
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .startFailed)
    }

    @Test func `a readiness check that fails all its attempts stops and removes the container`() {
        var bench = Bench()
        bench.reach(.unready)
        bench.outcome(Self.refused)
        #expect(bench.state == .unready)
        #expect(bench.error == "readiness check failed 1 of 3 times: no such thing")
        for _ in 2...3 {
            #expect(bench.job == nil)
            bench.wait(.seconds(1))
            bench.outcome(Self.refused)
        }
        #expect(bench.state == .readinessCheckFailed)
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
        bench.outcome(.stopped)
        #expect(bench.state == .deprovisioning)
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .readinessFailed(.other))
    }

    @Test(arguments: [InstanceState.ready, .healthy])
    func `three health failures in a row end it, a pass between them does not`(from state: InstanceState) {
        var bench = Bench()
        bench.reach(state)
        if state == .healthy { bench.wait(.seconds(1)) }
        for _ in 1...2 {
            bench.outcome(Self.refused)
            bench.wait(.seconds(1))
        }
        bench.outcome(.passed)
        #expect(bench.state == .healthy)
        #expect(bench.error.isEmpty)
        for _ in 1...2 {
            bench.wait(.seconds(1))
            bench.outcome(Self.refused)
        }
        #expect(bench.state == .healthy)
        bench.wait(.seconds(1))
        bench.outcome(Self.refused)
        #expect(bench.state == .unhealthy)
        #expect(bench.cause == .healthFailed(.other))
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
    }

    @Test(arguments: [InstanceState.unready, .ready, .healthy])
    func `a container that exits unasked is a failure whatever its code`(in state: InstanceState) {
        var bench = Bench()
        bench.reach(state)
        bench.step(.containerExited(Self.container, code: 0, outOfMemory: true))
        #expect(bench.state == .deprovisioning)
        #expect(bench.job == .remove(Self.container))
        #expect(bench.cause == .exited(code: 0, outOfMemory: true))
        #expect(bench.error == "container exited with code 0 (out of memory)")
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
    }

    @Test func `a container that exits before its start is reported done is a failure too`() {
        var bench = Bench()
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.step(.containerExited(Self.container, code: 1, outOfMemory: false))
        #expect(bench.state == .starting)
        bench.outcome(.started)
        #expect(bench.state == .deprovisioning)
        #expect(bench.cause == .exited(code: 1, outOfMemory: false))
    }

    @Test(arguments: [InstanceState.unready, .ready, .healthy])
    func `a stop of a running one stops, removes, ends`(in state: InstanceState) {
        var bench = Bench()
        bench.reach(state)
        bench.stop()
        #expect(bench.state == .stopping)
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
        bench.outcome(.stopped)
        #expect(bench.state == .deprovisioning)
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.cause == .stopped(.scaledDown))
    }

    @Test func `a stop during the pull gives the pull up and ends at once`() {
        var bench = Bench()
        let pull = bench.attempt
        bench.stop()
        #expect(bench.cancelled == [pull])
        #expect(bench.state == .stopped)
        bench.step(.outcome(one, attempt: pull, .pulled))
        #expect(bench.state == .stopped)
    }

    @Test func `a stop during the create waits for what it made and removes it`() {
        var bench = Bench()
        bench.outcome(.pulled)
        bench.stop()
        #expect(bench.state == .stopping)
        #expect(bench.cancelled.isEmpty)
        bench.outcome(.created(Self.container, []))
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
    }

    @Test func `a stop during the start waits for it and then stops the container`() {
        var bench = Bench()
        bench.outcome(.pulled)
        bench.outcome(.created(Self.container, []))
        bench.stop()
        bench.outcome(.started)
        #expect(bench.state == .stopping)
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
    }

    @Test func `a failing instance that is told to stop keeps its cause`() {
        var bench = Bench()
        bench.reach(.healthy)
        bench.step(.containerExited(Self.container, code: 3, outOfMemory: false))
        bench.stop()
        bench.outcome(.removed)
        #expect(bench.cause == .exited(code: 3, outOfMemory: false))
    }

    @Test func `the wait before the kill is kept`() {
        var spec = instanceSpec()
        spec.spec.preShutdown = PreShutdownSpec(waitBeforeKill: DurationText(5, .seconds))
        var bench = Bench(spec)
        bench.reach(.healthy)
        bench.job = nil
        bench.stop()
        #expect(bench.state == .stopping)
        bench.wait(.seconds(4))
        #expect(bench.job == nil)
        bench.wait(.seconds(1))
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
    }

    @Test func `the initial delays are kept`() {
        var spec = instanceSpec()
        spec.spec.readiness.initialDelay = DurationText(3, .seconds)
        spec.spec.healthcheck.initialDelay = DurationText(2, .seconds)
        var bench = Bench(spec)
        bench.reach(.unready)
        #expect(bench.job == nil)
        bench.wait(.milliseconds(2999))
        #expect(bench.job == nil)
        bench.wait(.milliseconds(1))
        bench.outcome(.passed)
        #expect(bench.state == .ready)
        #expect(bench.job == nil)
        bench.wait(.seconds(2))
        #expect(bench.job != nil)
    }

    @Test func `a port not yet open is tried again soon and uses up no attempt`() {
        let closed = Outcome.failed(JobFailure(.notListening, reason: "connection refused"))
        var bench = Bench()
        bench.reach(.unready)
        var tries = 0
        while bench.now < Moment(nanoseconds: 1_000_000_000) {
            bench.outcome(closed)
            #expect(bench.error.isEmpty)
            bench.wait(.milliseconds(100))
            if bench.job != nil { tries += 1 }
            while bench.job == nil { bench.wait(.milliseconds(100)) }
        }
        #expect(tries >= 1)
        bench.outcome(closed)
        #expect(bench.error == "readiness check failed 1 of 3 times: connection refused")
        bench.wait(.seconds(1))
        bench.outcome(.passed)
        #expect(bench.state == .ready)
    }

    @Test func `a failed removal is tried again, later each time, its reason visible`() {
        var bench = Bench()
        bench.reach(.healthy)
        bench.step(.containerExited(Self.container, code: 3, outOfMemory: false))
        bench.outcome(.failed(JobFailure(.other, reason: "device busy")))
        #expect(
            bench.error
                == "container exited with code 3; the container could not be removed, it is tried again: device busy"
        )
        bench.wait(.milliseconds(499))
        #expect(bench.job == nil)
        bench.wait(.milliseconds(1))
        #expect(bench.job == .remove(Self.container))
        bench.outcome(.failed(JobFailure(.other, reason: "device busy")))
        bench.wait(.milliseconds(999))
        #expect(bench.job == nil)
        bench.wait(.milliseconds(1))
        bench.outcome(.removed)
        #expect(bench.state == .stopped)
        #expect(bench.error == "container exited with code 3")
    }

    @Test func `a stop while the container engine is away is tried again, and never turned into a kill`() {
        var bench = Bench()
        bench.reach(.healthy)
        bench.stop()
        bench.outcome(.failed(JobFailure(.engineAway, reason: "no such socket")))
        #expect(bench.state == .stopping)
        bench.wait(.milliseconds(500))
        #expect(bench.job == .stop(Self.container, grace: .seconds(10)))
    }

    @Test func `an outcome with an old attempt changes nothing`() {
        var bench = Bench()
        let pull = bench.attempt
        bench.outcome(.pulled)
        let before = bench.agent.instances
        bench.step(.outcome(one, attempt: pull, Self.refused))
        #expect(bench.agent.instances == before)
    }

    @Test func `a job without an outcome is given up after its time`() {
        var bench = Bench()
        let pull = bench.attempt
        bench.wait(.seconds(189))
        #expect(bench.state == .provisioning)
        bench.wait(.seconds(1))
        #expect(bench.cancelled == [pull])
        #expect(bench.state == .provisioning)
        #expect(bench.error.hasSuffix("it is tried again: there was no outcome in time"))
    }
}
