import ApusModel
import ApusStore
import Testing

@Suite struct SoleLeadershipTests {
    @Test func `whoever has the state directory leads at once, until it gives up`() async throws {
        let place = try TemporaryDirectory()
        let store = try await SQLiteStore.open(in: StateDirectory(at: place.path))
        let wall = WallTime(milliseconds: 5)
        let leadership = SoleLeadership(of: store, id: "host:10000", description: [1]) { wall }
        let first = try await leadership.lead { term in
            #expect(term.epoch == 1)
            #expect(term.isValid(at: Moment(nanoseconds: .max - 1)))
            term.resign()
            #expect(!term.isValid(at: .zero))
            #expect(await term.ended() == .resigned(to: nil))
        }
        #expect(first == .resigned(to: nil))
        let second = try await leadership.lead { #expect($0.epoch == 2) }
        #expect(second == .resigned(to: nil))
        try await leadership.describe([2])
        let all = try await leadership.controllers()
        #expect(
            all == [
                ControllerPresence(
                    id: "host:10000",
                    description: [2],
                    isPresent: true,
                    isLeader: true,
                    lastSeen: wall
                )
            ]
        )
        try await store.close()
    }

    @Test func `what the leader throws is thrown on`() async throws {
        struct Broken: Error {}
        let place = try TemporaryDirectory()
        let store = try await SQLiteStore.open(in: StateDirectory(at: place.path))
        let leadership = SoleLeadership(of: store, id: "a", description: []) { WallTime(milliseconds: 0) }
        await #expect(throws: Broken.self) { _ = try await leadership.lead { _ in throw Broken() } }
        try await store.close()
    }
}
