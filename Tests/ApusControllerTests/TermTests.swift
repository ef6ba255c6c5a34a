import ApusController
import ApusModel
import ApusTestKit
import Testing

@Suite struct TermTests {
    @Test func `a controller whose term has ended answers nothing, and leads on when it is elected again`() async throws
    {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { controller in
            _ = await controller.inbox.submit(fullReport())
            let answer = await controller.post("applications/operations", create(instances: 2).json.serialized)
            #expect(answer.status == 200)
            ballot.depose()
            try await eventually("it leads again") { ballot.won == 2 }
            try await eventually("it answers again") { await controller.get("ping").status == 200 }
            let again = await controller.get("applications/TEST_APP-1").json?["data"]
            #expect(again?["requiredInstances"] == .integer(2))
        }
    }

    @Test
    func `what was being stored at the end of a term is in doubt; what only waited was surely not taken`()
        async throws
    {
        let (store, time) = (GatedStore(), ManualTime())
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), time: time.source) {
            controller in
            _ = await controller.inbox.submit(fullReport())
            store.shut()
            async let begun = controller.post("applications/operations", create(instances: 0).json.serialized)
            try await eventually("it is being stored") { store.held == 1 }
            let other = create(exampleSpec(name: "OTHER"), instances: 0).json.serialized
            async let waiting = controller.post("applications/operations", other)
            try await eventually("the other one waits") { controller.inbox.callers == 2 }
            ballot.depose()
            store.open()
            let doubtful = await begun
            #expect(doubtful.status == 503)
            #expect(doubtful.json?["message"]?.text?.contains("look before you try again") == true)
            let untaken = await waiting
            #expect(untaken.status == 400)
            #expect(untaken.json?["message"] == .string("This node is not the leader controller"))
            try await eventually("what was in doubt is there") {
                await controller.get("applications/TEST_APP-1").json?["status"] == "SUCCESS"
            }
            #expect(await controller.get("applications/OTHER-1").json?["status"] == "FAILED")
        }
    }

    @Test func `one that cannot read the state gives others time to lead before it stands again`() async throws {
        let ballot = Ballot(of: MemoryStore())
        let controller = try await standingBy(
            store: UsersOnly(store: MemoryStore()),
            leadership: ballot.seat("ctrl2:10000")
        )
        let began = ContinuousClock.now
        try await withRunning(controller) {
            try await eventually("it has tried again") { ballot.won == 2 }
        }
        #expect(ContinuousClock.now - began >= .seconds(1))
    }

    @Test func `each time in a row that one cannot take the state over it stands again later, at most 5 s`() {
        var pause = TakeOverPause()
        let pauses = (0..<50).map { _ in pause.next() }
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4)] + Array(repeating: .seconds(5), count: 47))
    }

    @Test func `of two controllers the elected one answers, and the other goes on with what it accepted`() async throws
    {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000")) { first in
            _ = await first.inbox.submit(fullReport())
            _ = await first.post("applications/operations", create(instances: 1).json.serialized)
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"))
            try await withRunning(second) {
                #expect(await second.get("applications").status == 400)
                try await eventually("it stands by") { ballot.waiting == 1 }
                ballot.depose()
                try await eventually("the other one leads") { await second.get("ping").status == 200 }
                let refused = await first.get("ping")
                #expect(refused.status == 400)
                #expect(refused.json?["message"] == .string("This node is not the leader controller"))
                let change = await first.post("applications/operations", create(instances: 1).json.serialized)
                #expect(change.status == 400)
                let data = await second.get("applications/TEST_APP-1").json?["data"]
                #expect(data?["requiredInstances"] == .integer(1))
            }
        }
    }
}
