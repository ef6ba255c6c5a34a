import ApusController
import ApusModel
import Testing

/// What is held of the events, and how it is asked for.
@Suite struct EventLogTests {
    private static let start: Int64 = 1_753_000_000_000
    private static let event = ClusterEvent(.maintenanceSet, .members(["HOSTNAME": "ctrl1"]))
    private let time = ManualTime()

    private func log(_ limits: EventLimits = EventLimits()) -> EventLog {
        let log = EventLog(seed: 1, time: time.source, limits: limits)
        log.begin(1)
        return log
    }

    /// As milliseconds after the beginning, in the order of the list.
    private func times(_ log: EventLog, after since: Int64 = 0, atMost size: Int = 1024) throws -> [Int64] {
        try log.latest(after: since, atMost: size).events.map { try $0.integer("time") - Self.start }
    }

    @Test func `times rise strictly: within a millisecond, when the clock is set back, and over leaders`() throws {
        let log = log()
        log.append([Self.event, Self.event, Self.event])
        #expect(try times(log) == [2, 1, 0])
        time.advance(by: .seconds(-5))
        log.append([Self.event])
        #expect(try times(log) == [3, 2, 1, 0])
        log.end()
        log.begin(2)
        log.append([Self.event])
        #expect(try times(log) == [4, 3, 2, 1, 0], "what this controller told before is still held")
    }

    @Test func `a list has what is later, the newest first, cut at its size, and says the newest time`() throws {
        let log = log()
        #expect(log.counts(after: 77).next == 77, "there is none")
        log.append([Self.event, Self.event, Self.event])
        #expect(try times(log, after: Self.start) == [2, 1])
        #expect(try times(log, atMost: 1) == [2])
        #expect(try times(log, atMost: 0) == [])
        #expect(
            try log.latest(after: Self.start + 9, atMost: 1024).next == Self.start,
            "the clock has not come to more"
        )
        time.advance(by: .seconds(1))
        #expect(try log.latest(after: Self.start + 9, atMost: 1024).next == Self.start + 2)
        let ids = try log.latest(after: 0, atMost: 1024).events.map { try $0.string("id") }
        #expect(Set(ids).count == 3)
    }

    @Test func `whoever asks again and again misses none, although a leader is killed in a burst`() throws {
        let killed = log()
        killed.append(Array(repeating: Self.event, count: 500))
        let since = killed.counts(after: 0).next
        #expect(killed.counts(after: since).counts == [.maintenanceSet: 499], "those ahead of the clock come again")
        time.advance(by: .milliseconds(100))
        let next = EventLog(seed: 2, time: time.source)
        next.begin(2)
        next.append([Self.event])
        #expect(next.counts(after: since).counts == [.maintenanceSet: 1])
    }

    @Test func `types are counted from a time on`() {
        let log = log()
        log.append([Self.event, ClusterEvent(.executorRemoved, .object([])), Self.event])
        #expect(log.counts(after: 0).counts == [.maintenanceSet: 2, .executorRemoved: 1])
        #expect(log.counts(after: Self.start + 1).counts == [.maintenanceSet: 1])
        #expect(log.counts(after: Self.start + 2).counts.isEmpty)
    }

    @Test func `the oldest go by number, by size and by age`() throws {
        var limits = EventLimits()
        limits.count = 3
        let few = log(limits)
        few.append(Array(repeating: Self.event, count: 5))
        #expect(try times(few) == [4, 3, 2])

        limits = EventLimits()
        limits.bytes = 1_000
        let small = log(limits)
        small.append(Array(repeating: Self.event, count: 100))
        let held = try times(small)
        #expect(held.first == 99)
        #expect((1...10).contains(held.count))

        let old = log()
        old.append([Self.event])
        time.advance(by: .seconds(59 * 60))
        old.append([Self.event])
        #expect(try times(old).count == 2)
        time.advance(by: .seconds(60))
        #expect(try times(old) == [59 * 60_000])
    }

    @Test func `an event's id is read back, and nothing else is taken for one`() {
        #expect(EventPosition("7-12") == EventPosition(epoch: 7, sequence: 12))
        for text in ["", "7", "7-", "-7-12", "7-12-1", "x-1", "99999999999999999999-1"] {
            #expect(EventPosition(text) == nil, "\(text)")
        }
    }
}
