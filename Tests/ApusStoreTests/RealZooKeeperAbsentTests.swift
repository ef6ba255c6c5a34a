import ApusModel
import ApusStore
import ApusTestKit
import Testing

/// Which of the controllers are forgotten that do not come back.
@Suite struct AbsentControllersTests {
    private static func controller(_ id: String, seen: Int64, isPresent: Bool = false) -> ControllerPresence {
        ControllerPresence(
            id: id,
            description: [],
            isPresent: isPresent,
            isLeader: false,
            lastSeen: WallTime(milliseconds: seen)
        )
    }

    @Test func `those are forgotten that were seen longest ago, and none that is there, nor oneself`() {
        let all = [
            Self.controller("a", seen: 50), Self.controller("b", seen: 20), Self.controller("c", seen: 30),
            Self.controller("d", seen: 20), Self.controller("here", seen: 1, isPresent: true),
            Self.controller("own", seen: 2),
        ]
        #expect(all.longAbsent(besides: "own", keeping: 4).isEmpty)
        #expect(all.longAbsent(besides: "own", keeping: 2) == ["b", "d"])
        #expect(all.longAbsent(besides: "own", keeping: 0) == ["b", "d", "c", "a"])
    }
}

extension RealZooKeeper {
    /// The list of controllers does not grow for ever.
    @Suite struct AbsentTests {
        @Test func `a leader forgets by itself whom nobody has seen for longest, of more than 64 absent controllers`()
            async throws
        {
            try await Course.run { course in
                try await withZooKeeper(course.address) { store in
                    let other = ZooKeeperLeadership(store: store, id: "host/b:10000", description: [])
                    try await other.describe([])
                    let absent = (10..<12 + ZooKeeperLeadership.mostAbsent).map { "gone-\($0)" }
                    for id in absent { try await store.session.create("/controllers/\(id)") }
                    _ = try await course.elect("a")
                    let wanted = ["a"] + absent.dropFirst(2) + ["host/b:10000"]
                    try await eventually("those are listed that are there, and 64 others") {
                        try await other.controllers().map(\.id) == wanted
                    }
                }
            }
        }
    }
}
