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
