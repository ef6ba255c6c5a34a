import ApusModel
import ApusStore
import ApusTestKit
import Testing

extension RealZooKeeper {
    /// What controllers that stand by leave for the leader, and how one begins without ZooKeeper.
    @Suite struct StandbyTests {
        private static let session: Duration = .seconds(3)

        @Test func `what a controller reaches is known to the others while it is here, and for a while`() async throws {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let address = try ensemble.address("/apus")
                try await withZooKeeper(address) { store in
                    let leader = ZooKeeperLeadership(store: store, id: "host/a:10000", description: [])
                    try await leader.describe([])
                    func reach(_ span: Duration = .seconds(60)) async throws -> [String: [UInt8]] {
                        try await leader.reach(within: span)
                    }
                    try await withZooKeeper(address, timeout: Self.session) { other in
                        let standby = ZooKeeperLeadership(store: other, id: "host/b:10000", description: [])
                        try await standby.describe([])
                        #expect(try await reach() == [:], "it has said nothing yet")
                        try await standby.tell(reach: [7])
                        try await leader.tell(reach: [8])
                        #expect(try await reach() == ["host/b:10000": [7]], "one's own word is none")
                        try await eventually("it is too old for whoever wants to know it of now") {
                            try await reach(.milliseconds(100)).isEmpty
                        }
                        try await standby.describe([1])
                        #expect(try await reach() == ["host/b:10000": [7]])
                        #expect(try await reach(.milliseconds(100)).isEmpty, "saying something else renews nothing")
                    }
                    #expect(try await reach() == [:], "nothing is left of one that is gone")
                }
            }
        }

        @Test func `a store whose servers are away refuses, and is opened when they come`() async throws {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let server = ensemble.servers[0]
                await server.kill9()
                var settings = ZooKeeperSession.Settings(address: try ensemble.address("/apus"))
                settings.timeout = Self.session
                let session = ZooKeeperSession.open(settings)
                let store = ZooKeeperStore(session, now: monotonic)
                let result: Result<Void, any Error>
                do {
                    await #expect(throws: StoreError.self) { try await store.currentEpoch() }
                    await #expect(throws: StoreError.self) { try await store.open(within: .milliseconds(300)) }
                    try server.start()
                    try await store.open(within: .seconds(60))
                    #expect(try await store.currentEpoch() == 0)
                    #expect(try await store.cluster(orFound: "c1") == "c1")
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                await session.close()
                try result.get()
            }
        }
    }
}
