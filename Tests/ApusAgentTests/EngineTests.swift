import ApusAgent
import ApusModel
import Testing

/// A container engine that is away, an executor that is too busy, an image that goes.
struct EngineTests {
    private static let away = "the container engine does not answer: connection refused"

    @Test func `a start survives a container engine that is away at any of its steps`() {
        for point in 0...4 {
            var rig = Rig()
            rig.engineAway = point == 0
            rig.command(.start(instanceSpec()))
            rig.run(for: .milliseconds(point))
            rig.engineAway = true
            rig.run(for: .seconds(40))
            #expect(rig.instance(one)?.state.isAlive == true, "away after \(point) ms")
            rig.engineAway = false
            rig.run(for: .seconds(40))
            #expect(rig.instance(one)?.state == .healthy, "away after \(point) ms")
            #expect(rig.instance(one)?.error == "")
            #expect(rig.containers.count == 1)
        }
    }

    @Test func `a stop ends a start that waits for the container engine`() {
        for outcomes in [[], [.pulled], [.pulled, .created(ContainerID("c"), [])]] as [[Outcome]] {
            var bench = TransitionTests.Bench()
            for outcome in outcomes { bench.outcome(outcome) }
            bench.outcome(.failed(JobFailure(.engineAway, reason: "connection refused")))
            #expect(bench.error.hasSuffix("it is tried again: connection refused"))
            bench.stop()
            // A start may have taken effect though its answer did not come.
            let isMade = outcomes.count == 2
            #expect(bench.job == (isMade ? .stop(ContainerID("c"), grace: .seconds(10)) : nil))
            #expect(bench.state == (isMade ? .stopping : .stopped))
        }
    }

    @Test func `an engine that does not answer is a trouble, told at once and taken back at once`() {
        var rig = Rig()
        rig.run(for: .seconds(3))
        #expect(rig.reports.last?.troubles == [])
        rig.engineAway = true
        rig.run(for: .seconds(12))
        #expect(rig.reports.last?.troubles.texts == [Self.away.replacing("connection refused", with: "away")])
        let first = rig.reports.firstIndex { $0.troubles.contains { $0.text.contains("container engine") } } ?? 0
        let count = rig.reports.count
        rig.run(for: .seconds(20))
        #expect(rig.reports.count - count <= 11, "a lasting trouble is told with the heartbeat")
        rig.engineAway = false
        rig.run(for: .milliseconds(1100))
        #expect(rig.reports.last?.troubles == [])
        #expect(first > 0)
        #expect(rig.notes.count == 1)
    }

    @Test func `an executor takes nothing new before it has looked at its containers once`() {
        var rig = Rig()
        #expect(rig.reports.first?.troubles == [Trouble(.engine, "its containers were not looked at yet")])
        rig.run(for: .seconds(1))
        #expect(rig.reports.last?.troubles == [])
    }

    @Test func `a job that finds the engine away is a trouble until the containers are listed`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.pull = .failed(JobFailure(.engineAway, reason: "connection refused"))
        rig.command(.start(instanceSpec()))
        rig.run(for: .milliseconds(20))
        #expect(rig.reports.contains { $0.troubles == [Trouble(.engine, Self.away)] })
        #expect(rig.reports.last?.troubles == [])
    }

    @Test func `an unwritable journal is a trouble`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.journalFails = true
        rig.command(.start(instanceSpec()))
        rig.run(for: .milliseconds(10))
        #expect(rig.reports.last?.troubles == [Trouble(.storage, "the journal cannot be written: disk full")])
        rig.journalFails = false
        rig.run(for: .seconds(2))
        #expect(rig.reports.last?.troubles == [])
    }

    @Test func `an image that is gone when the container is made is fetched again`() {
        var rig = Rig()
        rig.missingImages = 3
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.jobs.count { if case .pull = $0 { true } else { false } } == 4)
    }

    @Test func `an image that is gone again and again is a failed start`() {
        var rig = Rig()
        rig.missingImages = 100
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.instance(one)?.cause == .startFailed)
        #expect(rig.instance(one)?.error == "the container could not be created: no such image")
    }

    @Test(arguments: [JobFailure.Kind.engineAway, .overloaded])
    func `what says nothing about the application is not counted against it`(kind: JobFailure.Kind) {
        var rig = Rig()
        rig.check = .failed(JobFailure(kind, reason: "too busy"))
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(60))
        #expect(rig.instance(one)?.state == .unready)
        #expect(rig.instance(one)?.error == "readiness could not be judged: too busy")
        rig.check = .passed
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .healthy)
        rig.check = .failed(JobFailure(kind, reason: "too busy"))
        rig.run(for: .seconds(60))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.error == "health could not be judged: too busy")
        rig.check = .passed
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.error == "")
    }

    @Test(
        arguments: [
            (.notListening, .connect), (.tls, .tls), (.timedOut, .timeout), (.status, .status),
            (.exitCode, .exitCode), (.other, .other),
        ] as [(JobFailure.Kind, CheckFault)]
    )
    func `the cause says how the check failed`(kind: JobFailure.Kind, fault: CheckFault) {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.check = .failed(JobFailure(kind, reason: "so"))
        rig.run(for: .seconds(5))
        #expect(rig.instance(one)?.cause == .healthFailed(fault))
    }
}
