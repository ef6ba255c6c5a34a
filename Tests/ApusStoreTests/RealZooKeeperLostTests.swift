import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

extension RealZooKeeper {
    /// The cluster's nodes are lost while its controllers run.
    @Suite struct LostTests {
        /// What a controller did and said.
        private final class Told: Sendable {
            let state = Mutex((terms: 0, warnings: [String]()))

            var terms: Int { state.withLock(\.terms) }
            func warned(_ text: String) -> Bool { state.withLock { $0.warnings.contains { $0.contains(text) } } }
        }

        @Test func `whose cluster is lost leads nothing that is made anew in its place, until it is brought back`()
            async throws
        {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
                let address = try ensemble.address("/apus")
                let told = Told()
                try await withZooKeeper(address) { store in
                    _ = try await store.cluster(orFound: "c1")
                    let leadership = ZooKeeperLeadership(
                        store: store,
                        id: "a",
                        description: [],
                        warn: { text in told.state.withLock { $0.warnings.append(text) } }
                    )
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { group.cancelAll() }
                        group.addTask {
                            while !Task.isCancelled {
                                _ = try await leadership.lead { term in
                                    told.state.withLock { $0.terms += 1 }
                                    _ = await term.ended()
                                }
                            }
                        }
                        try await eventually("it leads") { told.terms == 1 }
                        try await loseAndRestore(address, at: ensemble, told)
                    }
                }
            }
        }

        private func loseAndRestore(_ address: ZooKeeperAddress, at ensemble: ZooKeeperEnsemble, _ told: Told)
            async throws
        {
            let top = ZooKeeperSession.open(.init(address: try ensemble.address()))
            try await top.connected(within: .seconds(30))
            // The controller may make one of its nodes again meanwhile.
            try await until("all is deleted") {
                for name in try await top.children("/apus") { try await top.deleteAll("/apus/\(name)") }
            }
            await top.close()
            // As `apus store import` begins.
            try await withZooKeeper(address) { other in
                try await eventually("it is said that the cluster is lost") { told.warned("holds no cluster now") }
                _ = try await other.cluster(orFound: "c2")
                try await eventually("it is said that another one is there") { told.warned("holds cluster c2 now") }
                #expect(told.terms == 1)
                let epoch = try await other.currentEpoch()
                #expect(epoch == 0)
                try await other.session.delete("/cluster")
                try await other.session.create("/cluster", Array("c1".utf8))
                try await eventually("it leads again") { told.terms == 2 }
            }
        }
    }
}
