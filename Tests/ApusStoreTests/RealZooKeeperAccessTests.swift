import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

extension RealZooKeeper {
    /// Who may do what with the nodes: nobody without the credential anything, from the chroot down.
    @Suite(.oneZooKeeper) struct AccessTests {
        private static let ours = ZooKeeperCredential(user: "apus", password: "ours")

        /// A session without a store, which makes nothing by itself; closed afterwards.
        private func withSession(
            _ address: ZooKeeperAddress,
            _ credential: ZooKeeperCredential? = nil,
            _ body: (ZooKeeperSession) async throws -> Void
        ) async throws {
            var settings = ZooKeeperSession.Settings(address: address)
            settings.credential = credential
            let session = ZooKeeperSession.open(settings)
            let result: Result<Void, any Error>
            do {
                try await session.connected(within: .seconds(30))
                result = .success(try await body(session))
            } catch {
                result = .failure(error)
            }
            await session.close()
            try result.get()
        }

        /// A part of the tree that somebody else has made before, open to all.
        private func openPath() async throws -> ZooKeeperAddress {
            let ensemble = try #require(OneZooKeeper.ensemble)
            let path = "/open-\(UUID().uuidString)"
            try await withSession(try ensemble.address()) { session in try await session.create(path) }
            return try ensemble.address(path)
        }

        private func expectRefused(_ address: ZooKeeperAddress, for what: String) async throws {
            let error = await #expect(throws: StoreError.self) {
                try await withZooKeeper(address, credential: Self.ours) { _ in }
            }
            guard case .refused(let reason)? = error, reason.contains(what) else {
                Issue.record("it is \(String(describing: error))")
                return
            }
        }

        @Test func `a stranger can neither delete the fence nor make it, nor anything else beside it`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address, credential: Self.ours) { store in
                _ = try await store.cluster(orFound: "c1")
                try await withSession(address) { stranger in
                    for attempt in [
                        { try await stranger.delete("/epoch") }, { try await stranger.delete("/cluster") },
                        { try await stranger.create("/successor") }, { try await stranger.create("/another") },
                        { try await stranger.multi([.delete("/epoch"), .create("/epoch", [])]) },
                    ] as [@Sendable () async throws -> Void] {
                        let refusal = await #expect(throws: ZooKeeperError.self) { try await attempt() }
                        #expect(refusal?.kind == .noAuth)
                    }
                }
                let epoch = try await store.acquireEpoch()
                // As after an administrator's hand.
                try await store.session.delete("/epoch")
                try await withSession(address) { stranger in
                    let refusal = await #expect(throws: ZooKeeperError.self) {
                        try await stranger.create("/epoch", Array("\(epoch)".utf8))
                    }
                    #expect(refusal?.kind == .noAuth)
                }
            }
        }

        @Test func `below a path that was open to all before nothing is founded, and it is said how to close it`()
            async throws
        {
            let address = try await openPath()
            try await expectRefused(address, for: "setAcl -R \(address.chroot) auth::cdrwa")
            try await withSession(address) { session in
                let made = try await session.children("")
                #expect(made.isEmpty, "nothing was made there")
            }
            // Without a credential all is open anyway.
            try await withZooKeeper(address) { _ = try await $0.acquireEpoch() }
        }

        @Test func `a path in another one that others made is closed where the cluster begins`() async throws {
            let above = try await openPath()
            let address = try #require(OneZooKeeper.ensemble).address("\(above.chroot)/a/b")
            try await withZooKeeper(address, credential: Self.ours) { _ = try await $0.acquireEpoch() }
            try await withSession(above) { stranger in
                for path in ["/a", "/a/b", "/a/b/epoch"] {
                    let refusal = await #expect(throws: ZooKeeperError.self, "\(path)") {
                        try await stranger.delete(path)
                    }
                    #expect(refusal?.kind == .noAuth || refusal?.kind == .other, "\(path)")
                }
                let refusal = await #expect(throws: ZooKeeperError.self) { try await stranger.create("/a/c") }
                #expect(refusal?.kind == .noAuth)
            }
        }

        /// All paths from the chroot down, those that vanish with a session too.
        private func paths(of session: ZooKeeperSession) async throws -> [String] {
            var (paths, rest) = ([""], [""])
            while let path = rest.popLast() {
                let below = try await session.children(path).map { "\(path)/\($0)" }
                paths += below
                rest += below
            }
            return paths
        }

        @Test func `every node of a cluster that is led belongs to the credential and to nobody else`() async throws {
            let address = try OneZooKeeper.address()
            try await withZooKeeper(address, credential: Self.ours) { store in
                _ = try await store.cluster(orFound: "c1")
                let leadership = ZooKeeperLeadership(store: store, id: "host-a:10000", description: Array("a".utf8))
                try await leadership.describe(Array("a".utf8))
                _ = try await leadership.lead { [self] term in
                    let writes = RecordKind.allCases.map { Write.put(RecordKey($0, "T/1"), [1]) }
                    try await store.commit(Batch(epoch: term.epoch, writes: writes))
                    try await leadership.tell(reach: [7])
                    let session = store.session
                    let paths = try await self.paths(of: session)
                    for part in ["/epoch", "/log/1", "/controllers/host-a:10000/here"] {
                        #expect(paths.contains(part))
                    }
                    #expect(paths.filter { $0.hasPrefix("/election/") }.count == 1)
                    let records = paths.filter { $0.hasPrefix("/records/") && $0.split(separator: "/").count == 4 }
                    #expect(records.count == RecordKind.allCases.count)
                    for path in paths {
                        let access = try await session.access(path)
                        #expect(access.count == 1, "\(path): \(access)")
                        #expect(access.allSatisfy { $0.scheme == "digest" && $0.id.hasPrefix("apus:") }, "\(path)")
                    }
                    term.resign()
                    _ = await term.ended()
                }
            }
        }
    }
}
