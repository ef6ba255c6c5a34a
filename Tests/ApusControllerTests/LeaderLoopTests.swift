import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

@Suite struct LeaderLoopTests {
    @Test func `an application comes up, is scaled, and is known to the next leader`() async throws {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            _ = await controller.inbox.submit(fullReport())
            #expect(
                await controller.inbox.submit(.application(create(instances: 2))).outcome
                    == .accepted(.application(AppID("TEST_APP-1")))
            )
            try await eventually("two are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 2 }
            let scale = ApplicationOperation.scale(AppID("TEST_APP-1"), required: 3, opSpec)
            #expect(
                await controller.inbox.submit(.application(scale)).outcome
                    == .accepted(.application(AppID("TEST_APP-1")))
            )
            try await eventually("three are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 3 }
        }
        try await withController(store: store) { controller in
            let summary = await controller.get("applications/TEST_APP-1").json?["data"]
            #expect(summary?["requiredInstances"] == 3)
            #expect(summary?["healthyInstances"] == 3)
        }
    }

    @Test(arguments: 1...4, [MemoryStore.Failure.before, .after])
    func `a commit that fails is repeated and nothing accepted is lost`(
        _ failing: Int,
        _ failure: MemoryStore.Failure
    ) async throws {
        let store = MemoryStore(failures: [failing: failure])
        try await withController(store: store) { controller in
            _ = await controller.inbox.submit(fullReport())
            // In doubt it is refused and nothing was changed: the caller comes again.
            try await eventually("it is accepted") {
                switch await controller.inbox.submit(.application(create(instances: 1))).outcome {
                case .accepted: true
                case .refused(let texts): texts == ["App TEST_APP-1 already exists"]
                default: false
                }
            }
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let other = create(exampleSpec(name: "OTHER"), instances: 1)
            try await eventually("the other is accepted") {
                switch await controller.inbox.submit(.application(other)).outcome {
                case .accepted: true
                case .refused(let texts): texts == ["App OTHER-1 already exists"]
                default: false
                }
            }
            try await eventually("the other is healthy") { await controller.healthy(AppID("OTHER-1")) == 1 }
        }
        #expect(store.commits > failing)
        #expect(try await store.list(.application).map(\.key.id) == ["OTHER-1", "TEST_APP-1"])
    }

    @Test func `a leader that an executor has overtaken goes on above its epoch, and says that its state is old`()
        async throws
    {
        let store = MemoryStore()
        try await withController(store: store) { controller in
            _ = await controller.inbox.submit(fullReport(fence: Fence(epoch: 41, sequence: 3)))
            try await eventually("the epoch is above what was met") { try await store.currentEpoch() == 42 }
            try await eventually("it says that the state is old") {
                await controller.get("cluster").json?["data"]?["mode"] == "RESTORED"
            }
            _ = await controller.inbox.submit(fullReport(fence: Fence(epoch: 41, sequence: 3)))
            #expect(
                await controller.inbox.submit(.application(create(instances: 2))).outcome
                    == .accepted(.application(AppID("TEST_APP-1")))
            )
            try await eventually("two are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 2 }
        }
        #expect(try await store.currentEpoch() == 42)
    }

    @Test func `while a commit hangs, changes are refused and reports are heard without being acknowledged`()
        async throws
    {
        let (store, time) = (GatedStore(), ManualTime())
        try await withController(store: store, time: time.source) { controller in
            _ = await controller.inbox.submit(fullReport())
            store.shut()
            async let first = controller.inbox.submit(.application(create(instances: 0)))
            try await eventually("the commit is under way") { store.held == 1 }
            time.advance(by: .seconds(2))

            let second = await controller.inbox.submit(.application(create(exampleSpec(name: "OTHER"), instances: 0)))
            guard case .unavailable(let reason)? = second.outcome else {
                Issue.record("it was not refused: \(second)")
                return
            }
            #expect(reason.hasPrefix("The store does not answer"))
            let heard = await controller.inbox.submit(fullReport(revision: 2))
            guard case .answer(let answer) = heard else {
                Issue.record("the report has no answer: \(heard)")
                return
            }
            #expect(!answer.canCommit)
            #expect(await controller.get("applications/TEST_APP-1").json?["message"] == "App TEST_APP-1 not found")

            store.open()
            #expect(await first.outcome == .accepted(.application(AppID("TEST_APP-1"))))
            #expect(await controller.get("applications/TEST_APP-1").json?["status"] == "SUCCESS")
        }
    }

    @Test func `whoever waits too long is told so, and what was asked for is carried out`() async throws {
        let (store, time) = (GatedStore(), ManualTime())
        try await withController(store: store, time: time.source) { controller in
            store.shut()
            async let asked = controller.inbox.submit(.application(create(instances: 0)))
            try await eventually("the commit is under way") { store.held == 1 }
            time.advance(by: Inbox.patience + .seconds(1))
            guard case .inDoubt(let reason) = await asked else {
                Issue.record("it was answered")
                return
            }
            #expect(reason.contains("is not known yet"))
            store.open()
            try await eventually("it is there") {
                await controller.get("applications/TEST_APP-1").json?["status"] == "SUCCESS"
            }
        }
    }

    @Test func `a controller that another has fenced off ends and says why`() async throws {
        let store = MemoryStore()
        let error = await #expect(throws: ControllerError.self) {
            try await withController(store: store) { controller in
                _ = try await store.acquireEpoch()
                let answer = await controller.inbox.submit(.application(create(instances: 0)))
                guard case .inDoubt = answer else {
                    Issue.record("it was decided: \(answer)")
                    return
                }
                try await eventually("it no longer leads") { await controller.get("ping").status == 400 }
                // Its own end is what ends this.
                try await eventually("it has ended") { false }
            }
        }
        #expect(error?.description == "Another leader has taken over with epoch 2; this one (1) ends.")
    }

    @Test func `a stored state that cannot be read is left alone`() async throws {
        let store = MemoryStore()
        let epoch = try await store.acquireEpoch()
        let broken = Write.put(RecordKey(.application, "X-1"), Array("{".utf8))
        try await store.commit(Batch(epoch: epoch, writes: [broken]))
        let error = await #expect(throws: ControllerError.self) {
            try await withController(store: store) { _ in }
        }
        #expect(error?.description.contains("application/X-1 cannot be read") == true)
        #expect(store.commits == 1)
    }

    @Test func `an older report of an executor is answered as stale`() async throws {
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(fullReport(revision: 5))
            guard case .answer(let answer) = await controller.inbox.submit(fullReport(revision: 4)) else {
                Issue.record("the report has no answer")
                return
            }
            #expect(answer.verdict == .stale)
            #expect(answer.applied == 5)
        }
    }

    @Test func `commands reach their executor in the order of their fences`() async throws {
        let sent = Recorder<(url: String, fence: Fence)>()
        let send: Controller.Send = { command, url in
            sent.add((url, command.fence))
            return try await obedient(command, url)
        }
        try await withController(store: MemoryStore(), send: send) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(.application(create(instances: 4)))
            try await eventually("four are healthy") { await controller.healthy(AppID("TEST_APP-1")) == 4 }
        }
        let all = sent.all
        #expect(all.count >= 4)
        #expect(all.map(\.fence) == all.map(\.fence).sorted())
        #expect(Set(all.map(\.url)) == ["http://node1:3000"])
    }
}

extension Inbox.Reply<CommandOutcome> {
    /// What the engine said; `nil` if it was not asked.
    var outcome: CommandOutcome? {
        if case .answer(let outcome) = self { outcome } else { nil }
    }
}
