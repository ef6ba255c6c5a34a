import ApusController
import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// Several controllers over HTTP: who there is, hand-over, and where browsers are sent (contract §0.5).
@Suite(.timeLimit(.minutes(2))) struct ControllersAPITests {
    /// What an absent one has said of itself.
    static let absent: JSON = [
        "hostname": "ctrl3", "port": 10000, "transportType": "HTTPS", "version": "0.0.1", "role": "STANDBY", "since": 1,
    ]

    /// Runs a leader and one that stands by.
    static func withTwo(
        time: TimeSource = .system(),
        _ body: @escaping @Sendable (_ leader: Controller, _ standby: Controller, Ballot) async throws -> Void
    ) async throws {
        let store = MemoryStore()
        let ballot = Ballot(of: store)
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), time: time) { leader in
            let standby = try await standingBy(store: store, leadership: ballot.seat("ctrl2:10000"), time: time)
            try await withRunning(standby) {
                try await eventually("the other one stands by") { ballot.waiting == 1 }
                try await body(leader, standby, ballot)
            }
        }
    }

    private static func message(_ answer: APIAnswer) -> String? { answer.json?["message"]?.text }

    @Test func `all are listed by id, with what an absent one said last`() async throws {
        try await Self.withTwo(time: ManualTime().source) { leader, _, ballot in
            ballot.add(absent: "ctrl3:10000", Self.absent)
            ballot.add(absent: "ctrl4:10000", .null)
            let list = await leader.get("cluster/controllers").json?["data"]
            #expect(
                [0, 1, 2, 3].map { list?[$0]?["state"] } == ["LEADER", "STANDBY", "ABSENT", "ABSENT"]
            )
            #expect(
                [0, 1, 2, 3].map { list?[$0]?["controllerId"]?.text }
                    == ["ctrl1:10000", "ctrl2:10000", "ctrl3:10000", "ctrl4:10000"]
            )
            #expect(list?[0]?["version"] == .string(ApusVersion.text))
            #expect(list?[0]?["since"] == 1_753_000_000_000)
            #expect(list?[2]?["transportType"] == "HTTPS")
            #expect(list?[2]?["since"] == nil, "it is in no role now")
            #expect(list?[3]?["hostname"] == nil, "it never said")
        }
    }

    @Test func `the leadership is handed over to whoever is named, and to nobody who does not stand by`() async throws {
        try await Self.withTwo { leader, standby, ballot in
            ballot.add(absent: "ctrl3:10000", Self.absent)
            let refused = await leader.post("cluster/controllers/hand-over?to=ctrl3:10000", "", type: nil)
            #expect(refused.status == 400)
            #expect(Self.message(refused) == "ctrl3:10000 does not stand by; these do: ctrl2:10000")
            #expect(await leader.get("ping").status == 200, "it leads on")
            let answer = await leader.post("cluster/controllers/hand-over?to=ctrl2:10000", "", type: nil)
            #expect(answer.json?["data"]?["to"] == "ctrl2:10000")
            try await eventually("the other one leads") { await standby.get("ping").status == 200 }
            #expect(await leader.get("ping").status == 400)
            try await eventually("both say so") {
                let list = await standby.get("cluster/controllers").json?["data"]
                return [0, 1].map { list?[$0]?["state"] } == ["STANDBY", "LEADER"]
            }
        }
    }

    @Test func `one that is alone hands nothing over and leads on`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let answer = await controller.post("cluster/controllers/hand-over", "", type: nil)
            #expect((answer.status, Self.message(answer)) == (400, "No other controller stands by"))
            #expect(await controller.get("ping").status == 200)
        }
    }

    @Test func `an absent one is forgotten, one that is present is not`() async throws {
        try await Self.withTwo { leader, _, ballot in
            ballot.add(absent: "ctrl3:10000", Self.absent)
            let present = await leader.call("DELETE", "cluster/controllers/ctrl2:10000")
            #expect((present.status, Self.message(present)) == (400, "ctrl2:10000 is present: end it first"))
            #expect(await leader.call("DELETE", "cluster/controllers/ctrl3:10000").status == 200)
            guard case .array(let left)? = await leader.get("cluster/controllers").json?["data"] else {
                Issue.record("there is no list")
                return
            }
            #expect(left.map { $0["controllerId"]?.text } == ["ctrl1:10000", "ctrl2:10000"])
            let unknown = await leader.call("DELETE", "cluster/controllers/ctrl3:10000")
            #expect(unknown.json?["status"] == "FAILED")
        }
    }

    @Test func `a browser that asks one that stands by is sent to the leader, with the path it asked for`() async throws
    {
        try await Self.withTwo { leader, standby, _ in
            try await eventually("it knows the leader") {
                await standby.api.answer(APICall("GET", "/apis/ui/applications")).status == 303
            }
            let answer = await standby.api.answer(APICall("GET", "/apis/ui/applications"))
            #expect(answer.location == "http://ctrl1:10000/applications")
            let page = await standby.api.answer(APICall("GET", "/apis/ui/tasks?name=a%20b&x"))
            #expect(page.location == "http://ctrl1:10000/tasks?name=a%20b&x")
            for path in ["/apis/ui@example.com/ui/", "/apis/v1/tasks/ui/instances/T", "/ui/", "/apis/ui/\u{1}"] {
                #expect(await standby.api.answer(APICall("GET", path)).location == nil, "\(path)")
            }
            #expect(await standby.api.answer(APICall("POST", "/apis/ui/applications")).location == nil)
            #expect(await leader.api.answer(APICall("GET", "/apis/ui/applications")).status != 303)
            #expect(await standby.get("cluster/controllers").status == 400, "of the API itself nothing is passed on")
        }
    }

    @Test func `a leader whose term has run out sends nobody to itself`() async throws {
        let (store, time) = (MemoryStore(), ManualTime())
        let ballot = Ballot(of: store, lease: Lease(session: .seconds(60), sent: .zero))
        try await withController(store: store, leadership: ballot.seat("ctrl1:10000"), time: time.source) {
            controller in
            time.advance(by: .seconds(120))
            try await eventually("it leads no more") { await controller.get("ping").status == 400 }
            for _ in 0..<20 {
                #expect(await controller.api.answer(APICall("GET", "/apis/ui/applications")).location == nil)
                await Task.yield()
            }
        }
    }
}
