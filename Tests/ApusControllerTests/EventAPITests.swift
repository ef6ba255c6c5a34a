import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Testing

/// The event log as Drove's clients ask for it (contract §1.4, §6, §15).
@Suite struct EventAPITests {
    private static func withApplication(
        _ body: @escaping @Sendable (Controller) async throws -> Void
    ) async throws {
        let time = ManualTime()
        try await withController(store: MemoryStore(), time: time.source) { controller in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(.application(create(instances: 1)))
            // The state is published first: whoever is told finds it.
            try await eventually("it is told") {
                Self.elements(await controller.get("cluster/events").json?["data"]).count == 5
            }
            // The clock has come to all that was told.
            time.advance(by: .seconds(1))
            try await body(controller)
        }
    }

    private static func elements(_ json: JSON?) -> [JSON] {
        if case .array(let elements)? = json { elements } else { [] }
    }

    private static func keys(_ json: JSON?) -> [String] {
        if case .object(let members)? = json { members.map(\.key) } else { [] }
    }

    @Test func `the latest events come newest first with the time to ask from next, and then there are none`()
        async throws
    {
        try await Self.withApplication { controller in
            let data = await controller.get("cluster/events/latest?lastSyncTime=0").json?["data"]
            #expect(Self.keys(data) == ["events", "lastSyncTime"])
            let events = Self.elements(data?["events"])
            let told = events.reversed().map { event in
                [event["type"]?.text, event["metadata"]?["CURRENT_STATE"]?.text].compactMap(\.self)
            }
            #expect(
                told == [
                    ["LEADERSHIP_ACQUIRED"], ["EXECUTOR_ADDED"], ["APP_STATE_CHANGE", "RUNNING"],
                    ["INSTANCE_STATE_CHANGE", "PENDING"], ["INSTANCE_STATE_CHANGE", "HEALTHY"],
                ]
            )
            #expect(events.allSatisfy { Self.keys($0) == ["metadata", "type", "id", "time"] })
            #expect(events.last?["metadata"] == ["HOSTNAME": "ctrl1"])
            let times = try events.map { try $0.integer("time") }
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 > $1 }, "no two in one millisecond")
            #expect(data?["lastSyncTime"] == events.first?["time"])
            let newest = try #require(times.first)
            let next = await controller.get("cluster/events/latest?lastSyncTime=\(newest)").json?["data"]
            #expect(next == ["events": [], "lastSyncTime": .integer(newest)])
        }
    }

    @Test func `the plain list that the drove command asks for has the newest of them, cut at its size`() async throws {
        try await Self.withApplication { controller in
            let all = Self.elements(await controller.get("cluster/events").json?["data"])
            let two = Self.elements(await controller.get("cluster/events?lastSyncTime=0&size=2").json?["data"])
            #expect(all.count == 5)
            #expect(two == Array(all.prefix(2)))
        }
    }

    @Test func `a gateway sees in the summary that it has to ask for endpoints again`() async throws {
        try await Self.withApplication { controller in
            let path = "cluster/events/summary"
            let summary = await controller.get("\(path)?lastSyncTime=0").json?["data"]
            #expect(Self.keys(summary) == ["eventsCount", "lastSyncTime"])
            #expect(
                summary?["eventsCount"] == [
                    "APP_STATE_CHANGE": 1, "INSTANCE_STATE_CHANGE": 2, "EXECUTOR_ADDED": 1, "LEADERSHIP_ACQUIRED": 1,
                ]
            )
            let time = try #require(summary).integer("lastSyncTime")
            let nothing = await controller.get("\(path)?lastSyncTime=\(time)").json?["data"]
            #expect(nothing == ["eventsCount": [:], "lastSyncTime": .integer(time)])
            _ = await controller.inbox.submit(.application(.suspend(AppID("TEST_APP-1"), opSpec)))
            let more = await controller.get("\(path)?lastSyncTime=\(time)").json?["data"]
            #expect(more?["eventsCount"]?["APP_STATE_CHANGE"] != nil, "what was answered is told already")
        }
    }

    @Test func `so many may follow at a time, and the next when one has gone`() async throws {
        var limits = EventLimits()
        limits.listeners = 1
        try await withController(store: MemoryStore(), events: limits) { controller in
            var first: APIAnswer? = await controller.get("cluster/events/stream")
            #expect(first?.file?.contentType == "text/event-stream")
            let refused = await controller.get("cluster/events/stream")
            #expect(refused.status == 429)
            #expect(refused.retryAfter == 1)
            first = nil
            try await eventually("there is room again") { controller.events.listeners == 0 }
            #expect(await controller.get("cluster/events/stream").status == 200)
        }
    }
}
