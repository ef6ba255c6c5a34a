import ApusAgent
import ApusModel
import ApusTestKit
import Testing

/// What is done before a container is stopped.
struct HookTests {
    typealias Bench = TransitionTests.Bench

    private static let container = ContainerID("c")
    private static let http = CheckMode.http(HTTPCheck(portName: "main", path: "/drain", verb: .post))
    private static let command = CheckMode.command(CommandCheck(command: "drain"))
    private static let stop = Job.stop(container, grace: .seconds(10))
    private static let refused = Outcome.failed(JobFailure(.notListening, reason: "connection refused"))

    private static func spec(_ hooks: [CheckMode], wait: DurationText? = nil) -> InstanceSpec {
        var spec = instanceSpec()
        spec.spec.preShutdown = PreShutdownSpec(hooks: hooks, waitBeforeKill: wait)
        return spec
    }

    private func healthy(_ hooks: [CheckMode], wait: DurationText? = nil) -> Bench {
        var bench = Bench(Self.spec(hooks, wait: wait))
        bench.reach(.healthy)
        return bench
    }

    private func hook(_ mode: CheckMode, timeout: Duration = .seconds(30)) -> Job {
        .check(mode, container: Self.container, port: nil, timeout: timeout)
    }

    @Test func `the hooks come in their order, then the wait, then the stop`() {
        var bench = healthy([Self.http, Self.command], wait: DurationText(5, .seconds))
        bench.stop()
        #expect(bench.state == .stopping)
        #expect(bench.job == hook(Self.http))
        bench.outcome(.passed)
        #expect(bench.job == hook(Self.command))
        bench.outcome(.passed)
        #expect(bench.job == nil)
        #expect(bench.state == .stopping)
        bench.wait(.seconds(5))
        #expect(bench.job == Self.stop)
        #expect(bench.error.isEmpty)
    }

    @Test func `an HTTP hook is tried five times, three seconds apart, a command once; neither holds up the stop`() {
        var bench = healthy([Self.http, Self.command])
        bench.stop()
        for attempt in 0..<5 {
            #expect(bench.job == hook(Self.http, timeout: .seconds(30 - 3 * attempt)))
            bench.outcome(Self.refused)
            guard attempt < 4 else { break }
            #expect(bench.job == nil)
            bench.wait(.milliseconds(2999))
            #expect(bench.job == nil)
            bench.wait(.milliseconds(1))
        }
        #expect(bench.job == hook(Self.command))
        bench.outcome(.failed(JobFailure(.exitCode, reason: "command exited with code 1")))
        #expect(bench.job == Self.stop)
        #expect(bench.error == "pre-shutdown hook 1 of 2 failed: connection refused")
    }

    @Test func `a hook gets thirty seconds altogether`() {
        var bench = healthy([Self.http])
        bench.stop()
        bench.wait(.seconds(28))
        bench.outcome(.failed(JobFailure(.timedOut, reason: "no answer")))
        #expect(bench.job == Self.stop)
    }

    @Test func `a failing instance has its hooks too, shows what failed, and keeps that text`() {
        var bench = healthy([Self.command])
        for _ in 1...3 {
            bench.wait(.seconds(1))
            bench.outcome(TransitionTests.refused)
        }
        #expect(bench.state == .unhealthy)
        #expect(bench.job == hook(Self.command))
        bench.outcome(Self.refused)
        #expect(bench.job == Self.stop)
        #expect(bench.error == "health check failed 3 of 3 times: no such thing")
    }

    @Test func `a second stop does not begin the hooks again`() {
        var bench = healthy([Self.http, Self.command])
        bench.stop()
        bench.outcome(.passed)
        bench.job = nil
        bench.step(.command(Bench.command(.stop(one, .destroyed), 3), reply: 3))
        #expect(bench.job == nil)
        #expect(bench.cause == .stopped(.scaledDown))
    }

    @Test func `a container that does not run has no hooks, and the rest of them are left out when it exits`() {
        var bench = healthy([Self.http])
        bench.step(.containerExited(Self.container, code: 1, outOfMemory: false))
        #expect(bench.job == .remove(Self.container))
        bench = healthy([Self.http], wait: DurationText(60, .seconds))
        bench.stop()
        bench.step(.containerExited(Self.container, code: 0, outOfMemory: false))
        #expect(bench.job == .remove(Self.container))
    }

    @Test func `the hooks of a container known by its labels are carried out, and again after a crash in them`() {
        var rig = Rig()
        rig.command(.start(Self.spec([Self.command])))
        rig.run(for: .seconds(1))
        var after = Rig(after: Rig.Remains(journal: [], containers: rig.containers), incarnation: 2)
        after.run(for: .seconds(1))
        #expect(after.instance(one)?.state == .healthy)
        after.command(.stop(one, .scaledDown))
        var again = Rig(after: Rig.Remains(journal: after.journal, containers: rig.containers), incarnation: 3)
        for crashed in [0, 1] {
            if crashed == 0 { after.run(for: .seconds(1)) } else { again.run(for: .seconds(1)) }
            let rig = crashed == 0 ? after : again
            let hooks = rig.jobs.filter { if case .check(Self.command, _, _, _) = $0 { true } else { false } }
            #expect(hooks.count == 1)
            #expect(rig.containers.isEmpty)
        }
    }
}
