import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// What the controller decides by itself about executors is told with its cause, and what it moves because of that.
@Suite struct ExecutorDecisionTests {
    @Test func `an executor is admitted, and ready when nothing is required of it first`() throws {
        let bench = try Bench()
        #expect(bench.causes(.executorAdmitted) == ["host-0:11000 reports as an executor of this cluster"])
        #expect(bench.decided(.executorReady).map(\.subject) == [AuditSubject(bench.ids[0])])
    }

    @Test func `an executor that is not heard is silent, then lost, and what ran there is replaced for that`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 2)
        bench.converge()
        bench.decisions = []
        let lost = AuditSubject(bench.ids[1])
        bench.live(.seconds(12), beating: [bench.ids[0]])
        #expect(bench.decided(.executorSilent).map(\.subject) == [lost])
        #expect(bench.decided(.executorLost).map(\.subject) == [lost])
        #expect(bench.causes(.executorLost) == ["host-1 is not heard for 10 s: what it ran (1 instances) is lost"])
        let kinds = bench.decisions.map(\.kind)
        let (cause, effect) = (kinds.firstIndex(of: .executorLost), kinds.firstIndex(of: .instanceReplaced))
        #expect(try #require(cause) < #require(effect))
        #expect(bench.causes(.instanceReplaced).count == 1)
        #expect(
            bench.causes(.instanceReplaced).first?.hasSuffix(": Instance lost: executor host-1 is not heard") == true
        )
        bench.converge()
        #expect(bench.causes(.executorBack) == ["host-1 is heard again after it was given up"])
        #expect(bench.causes(.instanceAdopted) == ["it came back after it had been given up"])
        #expect(bench.causes(.instanceSurplusStopped) == ["3 were there, 2 are expected"])
    }

    @Test func `what a leader had no time to end with its lost executor is ended by the next one, and told`() throws {
        var bench = try Bench()
        bench.create(instances: 1)
        bench.ask(.create(smallTask(), .standard))
        bench.converge()
        let (instance, before) = (try #require(bench.instances().first), bench.store)
        bench.live(.seconds(12), beating: [])
        // It ended when the executor alone was stored as lost.
        bench.store = bench.store.filter { $0.key.kind == .member }.merging(before) { lost, _ in lost }
        (bench.decisions, bench.events) = ([], [])
        try bench.failOver(epoch: 2)
        let givenUp = try #require(bench.decided(.instanceGivenUp).first)
        #expect(bench.decided(.instanceGivenUp).count == 1 && givenUp.subject == AuditSubject(instance.id))
        #expect(
            givenUp.cause
                == "its executor host-0 was given up by an earlier leader, which had ended before this was written"
        )
        #expect(givenUp.related == ["TEST_APP-1", "executor-0"])
        #expect(bench.causes(.taskLost) == ["Instance lost: executor host-0 is not heard"])
        let lost = bench.events.filter { $0.metadata["CURRENT_STATE"] == "LOST" }
        #expect(Set(lost.map(\.kind)) == [.instanceChanged, .taskChanged])
        #expect(lost.count == 2)
    }

    @Test func `an executor that is heard again in time loses nothing`() throws {
        var bench = try Bench(executors: 2)
        bench.live(.seconds(8), beating: [bench.ids[0]])
        bench.live(.seconds(2))
        #expect(bench.causes(.executorSilent) == ["host-1 missed its heartbeats"])
        #expect(bench.causes(.executorBack) == ["host-1 is heard again"])
        #expect(bench.decided(.executorLost).isEmpty)
    }

    @Test func `many that fall silent together are held, and released when they are lost all the same`() throws {
        var bench = try Bench(executors: 10)
        let (gone, left) = (Array(bench.ids[..<3]), Array(bench.ids[3...]))
        bench.live(.seconds(60), beating: left)
        #expect(bench.decided(.lossHeld).map(\.subject) == gone.map { AuditSubject($0) })
        let text = "3 executors fell silent together: it is rather the network than the machines"
        #expect(Set(bench.causes(.lossHeld)) == [text])
        #expect(bench.decided(.lossReleased).isEmpty && bench.decided(.executorLost).isEmpty)
        bench.live(.seconds(12), beating: left)
        #expect(bench.causes(.lossReleased) == Array(repeating: "it was not heard in time", count: 3))
        #expect(bench.decided(.executorLost).map(\.subject) == gone.map { AuditSubject($0) })
    }

    @Test func `a trouble suspends an executor until it is over`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        bench.executors[id]?.troubles = ["its container engine does not answer"]
        bench.live(.seconds(2))
        #expect(bench.causes(.executorSuspended) == ["its container engine does not answer"])
        bench.executors[id]?.troubles = []
        bench.live(.seconds(2))
        #expect(bench.decided(.executorResumed).map(\.subject) == [AuditSubject(id)])
    }

    @Test func `what an executor never took is given up and started elsewhere`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        let start = try #require(bench.sent.first)
        bench.live(.seconds(20), failing: [start.executor])
        #expect(bench.causes(.executorSuspended) == ["does not take commands: connection refused"])
        let host = try #require(bench.executors[start.executor]?.identity.hostname)
        let givenUp = try #require(bench.decided(.instanceGivenUp).first)
        #expect(givenUp.subject == AuditSubject(start.instance))
        #expect(givenUp.cause == "its executor \(host) does not take commands: connection refused")
        let cause = "in place of \(start.instance): its executor \(host) does not take commands"
        #expect(bench.causes(.instanceReplaced) == [cause])
    }

    @Test func `what moves from a suspended executor names the operator's order`() throws {
        var bench = try Bench(executors: 2)
        bench.create(instances: 1)
        bench.converge()
        let old = try #require(bench.instances().first)
        bench.order(.suspend(.finishing), [old.executor])
        bench.converge()
        let host = try #require(bench.executors[old.executor]?.identity.hostname)
        let replaced = try #require(bench.decided(.instanceReplaced).first)
        #expect(replaced.cause == "in place of \(old.id), which is to leave \(host): that is SUSPENDED")
        let moved = try #require(bench.decided(.instanceMoved).first)
        #expect(moved.subject == AuditSubject(old.id))
        #expect(moved.cause == "\(host) is SUSPENDED, and enough are healthy elsewhere")
        for decision in [replaced, moved] {
            #expect(decision.operation?.type == "EXECUTOR_SUSPEND")
            #expect(decision.operation?.subject == AuditSubject(old.executor))
        }
    }

    @Test func `an order to be free of work is told as done: blacklisted, retired`() throws {
        var bench = try Bench(executors: 2)
        bench.order(.blacklist, [bench.ids[0]])
        bench.order(.retire, [bench.ids[1]])
        #expect(bench.decided(.executorBlacklisted).map(\.subject) == [AuditSubject(bench.ids[0])])
        #expect(bench.decided(.executorBlacklisted).first?.operation?.type == "EXECUTOR_BLACKLIST")
        #expect(bench.decided(.executorRetired).map(\.subject) == [AuditSubject(bench.ids[1])])
    }

    @Test func `a leader that meets a later epoch says that its state is old`() throws {
        var bench = try Bench()
        bench.executors[bench.ids[0]]?.fence = Fence(epoch: 7, sequence: 3)
        bench.beat()
        let decision = try #require(bench.decided(.stateRestored).first)
        #expect(decision.cause.hasPrefix("an executor has obeyed another leader of epoch 7, this one's is 1"))
    }

    // MARK: strays

    private func plant(_ bench: inout Bench, _ apps: [String]) {
        let executor = bench.ids[0]
        for (index, app) in apps.enumerated() {
            let id = InstanceID("AI-\(index)")
            let revision = (bench.executors[executor]?.revision ?? 0) + 1
            bench.executors[executor]?.revision = revision
            bench.executors[executor]?.instances[id] = InstanceReport(
                id: id,
                owner: .application(AppID(app)),
                appName: app,
                state: .healthy,
                allocation: ResourceAllocation(numaNode: 0, cores: [index], memoryMB: 64),
                ports: [],
                error: "",
                cause: nil,
                created: bench.now.wall,
                updated: bench.now.wall,
                revision: revision
            )
        }
    }

    @Test func `a container that belongs to nothing known is stopped once, and says why`() throws {
        var bench = try Bench()
        plant(&bench, ["A-1"])
        bench.live(.seconds(20))
        #expect(bench.causes(.strayStopped) == ["it belongs to nothing known (A-1) on host-0"])
        #expect(bench.decided(.strayStopped).first?.related == ["A-1", "executor-0"])
    }

    @Test func `those that are too many to be dealt with at once have their turn when the others are gone`() throws {
        var settings = EngineSettings()
        settings.mostStrays = 2
        var bench = try Bench(executors: 1, settings: settings)
        plant(&bench, ["A-1", "B-1", "C-1", "D-1", "E-1"])
        for _ in 0..<4 {
            bench.live(.seconds(20))
            bench.ask(.cluster(.confirmStops))
        }
        bench.live(.seconds(20))
        #expect(Set(bench.decided(.strayStopped).map(\.subject.id)) == ["AI-0", "AI-1", "AI-2", "AI-3", "AI-4"])
    }

    @Test func `many of them are held for people, and stopped when that is confirmed`() throws {
        var bench = try Bench()
        plant(&bench, ["A-1", "B-1", "C-1", "D-1"])
        bench.live(.seconds(20))
        #expect(bench.decided(.stopHeld).map(\.subject.id) == ["AI-0", "AI-1", "AI-2", "AI-3"])
        #expect(bench.decided(.strayStopped).isEmpty)
        bench.ask(.cluster(.confirmStops))
        bench.live(.seconds(5))
        #expect(bench.decided(.strayStopped).count == 4)
    }
}
