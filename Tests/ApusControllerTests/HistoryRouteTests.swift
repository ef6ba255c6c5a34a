import ApusClient
import ApusController
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// Where controllers ask each other for events and audit records: who may, and what is answered.
@Suite(.timeLimit(.minutes(3))) struct HistoryRouteTests {
    @Test func `a standby answers other nodes by their secret over HTTP, and nobody else`() async throws {
        var rig = CallerRig.roles
        rig.secrets = [CallerRig.secret]
        let (store, callers) = (MemoryStore(), rig)
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), callers: callers) { _ in
            let second = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"), callers: callers)
            try await withRunning(second) {
                try await eventually("it knows who may call") { await second.call("GET", "ping").status == 401 }
                try await withServer(second) { client in
                    let url = "http://\(client.endpoint.replacing("http://", with: ""))"
                    let (right, wrong) = (
                        try NodeSecrets([CallerRig.secret]), try NodeSecrets(["another-secret-of-nodes"])
                    )
                    let node = NodeClient(as: Caller(node: "ctrl1", secrets: { right }))
                    let query = [(name: "reader", value: "[::1]:10000"), (name: "events", value: "0-0")]
                    let answer = try await node.history("", query, of: url)
                    #expect(try answer.array("events").isEmpty)
                    let page = try await node.history("/audit", [(name: "through", value: "9")], of: url)
                    #expect(try page.integer("through") == 9)
                    let stranger = NodeClient(as: Caller(node: "ctrl1", secrets: { wrong }))
                    await #expect(throws: ClientError.self) { try await stranger.history("", query, of: url) }
                }
                let user = await second.call("GET", "internal/history", CallerRig.basic("root"))
                #expect(user.status == 403)
            }
        }
    }

    @Test func `nobody waits long for news, and what is no place is refused`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let start = ContinuousClock.now
            #expect(await controller.get("internal/history?wait=2001").status == 400)
            #expect(await controller.get("internal/history?events=x").status == 400)
            let first = await controller.get("internal/history?events=9-9&wait=2000")
            #expect(first.status == 200)
            let changes = try #require(first.json).integer("changes")
            _ = await controller.get("internal/history?events=9-9&changes=\(changes)&wait=200")
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }
}
