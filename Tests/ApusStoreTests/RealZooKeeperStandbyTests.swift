import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
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

        @Test func `a controller whose word of itself is refused tells that once, with what to do, and once its end`()
            async throws
        {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let address = try ensemble.address("/apus")
                try await withZooKeeper(address) { store in
                    // As a controller of that name leaves it that had another credential.
                    var settings = ZooKeeperSession.Settings(address: address)
                    settings.credential = ZooKeeperCredential(user: "apus", password: "theirs")
                    let other = ZooKeeperSession.open(settings)
                    let result: Result<Void, any Error>
                    do {
                        try await other.connected(within: .seconds(30))
                        try await other.create("/controllers/a")
                        result = .success(())
                    } catch {
                        result = .failure(error)
                    }
                    await other.close()
                    try result.get()
                    let told = Mutex<[String]>([])
                    let leadership = ZooKeeperLeadership(
                        store: store,
                        id: "a",
                        description: [],
                        warn: { text in told.withLock { $0.append(text) } },
                        note: { text in told.withLock { $0.append(text) } }
                    )
                    for _ in 0..<2 { await #expect(throws: StoreError.self) { try await leadership.describe([1]) } }
                    let refusal = told.withLock(\.self)
                    #expect(refusal.count == 1)
                    #expect(refusal.first?.contains("another credential made this node") == true)
                    #expect(refusal.first?.contains("`deleteall /apus/controllers/a` in zkCli.sh") == true)
                    try await store.session.delete("/controllers/a")
                    for _ in 0..<2 { try await leadership.describe([2]) }
                    let later = Array(told.withLock(\.self).dropFirst())
                    #expect(later == ["ZooKeeper takes again what this controller says of itself"])
                    #expect(try await leadership.controllers().map(\.description) == [[2]])
                }
            }
        }

        @Test func `two controllers of one id do not fight: the first notices, until the second is gone`() async throws
        {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let address = try ensemble.address("/apus")
                func controller(_ store: ZooKeeperStore) -> ZooKeeperLeadership {
                    ZooKeeperLeadership(store: store, id: "host/a:10000", description: [])
                }
                // What an earlier process left that was killed, and whose session lasts, is no other controller.
                try await withZooKeeper(address) { killed in
                    try await controller(killed).describe([0])
                    try await withZooKeeper(address) { store in
                        let first = controller(store)
                        for _ in 0..<2 {
                            try await first.describe([1])
                            #expect(first.namesake == nil)
                        }
                        try await withZooKeeper(address, timeout: Self.session) { other in
                            let second = controller(other)
                            try await second.describe([2])
                            for _ in 0..<2 { try await first.describe([1]) }
                            #expect(first.namesake?.contains("under the id host/a:10000") == true)
                            #expect(try await first.controllers().map(\.description) == [[2]])
                            try await second.describe([2])
                            #expect(second.namesake == nil, "nobody takes its place from it")
                        }
                        try await first.describe([1])
                        #expect(first.namesake == nil)
                        #expect(try await first.controllers().map(\.description) == [[1]])
                        #expect(try await first.controllers().map(\.isPresent) == [true])
                    }
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
