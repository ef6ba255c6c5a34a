import ApusModel
import Synchronization

/// Which cluster the tree is of: written down once, and for good.
extension ZooKeeperStore {
    /// The cluster's id as it stands there; `new` is written down if nobody has founded one yet.
    ///
    /// - Throws: `corrupt` if an import has begun there and not come to its end, `unavailable` if the servers do not answer,
    ///   `refused` if the node is not to be used.
    package func cluster(orFound new: String) async throws(StoreError) -> String {
        let cluster = try await knownCluster(orFound: new)
        state.withLock { $0.cluster = cluster }
        return cluster
    }

    private func knownCluster(orFound new: String) async throws(StoreError) -> String {
        if let known = try await cluster() { return known }
        do throws(ZooKeeperError) {
            // Nobody ever raised the epoch: an import does before anything else, and names the cluster last.
            try await session.multi([
                .check(ZooKeeperTree.epoch, version: 0), .create(ZooKeeperTree.cluster, Array(new.utf8)),
            ])
            return new
        } catch {
            guard [.badVersion, .nodeExists].contains(error.kind) else { throw error.firstStoreError }
        }
        guard let known = try await cluster() else { throw .corrupt(reason: RestoredState.halfImported) }
        return known
    }

    /// The cluster's id as it stands there once the servers answer, `nil` if nobody has founded one; makes nothing.
    ///
    /// - Throws: what `cluster(orFound:)` throws.
    package func founded(within limit: Duration) async throws(StoreError) -> String? {
        try checkPlace()
        try await session.connected(within: limit)
        let isRaised: Bool
        do throws(ZooKeeperError) {
            // A server that lags behind might not show it.
            try await session.sync(ZooKeeperTree.cluster)
            isRaised = try await session.exists(ZooKeeperTree.epoch).map { $0.version > 0 } ?? false
        } catch {
            throw error.firstStoreError
        }
        if let known = try await cluster() {
            state.withLock { $0.cluster = known }
            return known
        }
        if isRaised { throw .corrupt(reason: RestoredState.halfImported) }
        return nil
    }

    /// That the tree is still of the cluster for which this controller opened it.
    ///
    /// - Throws: `refused` if it is of another one, or of none: whoever led by that would take nothing for all.
    func expectCluster() async throws(StoreError) {
        guard let own = state.withLock(\.cluster) else { return }
        let found = try await cluster()
        guard found == own else {
            throw .refused(
                reason: "\(session.settings.address) holds \(found.map { "cluster \($0)" } ?? "no cluster") now, "
                    + "and this controller belongs to cluster \(own)"
            )
        }
    }

    /// `nil` if it is not written down.
    func cluster() async throws(StoreError) -> String? {
        do throws(ZooKeeperError) {
            return try await session.bytes(ZooKeeperTree.cluster).map { String(decoding: $0, as: UTF8.self) }
        } catch {
            throw error.firstStoreError
        }
    }

    /// Writes down which cluster was imported, if nobody has taken over since then.
    func settle(_ cluster: ClusterID) async throws(StoreError) {
        guard let held = state.withLock({ $0.held }) else { throw .unavailable(reason: "no epoch was acquired") }
        do throws(ZooKeeperError) {
            try await session.multi([
                .check(ZooKeeperTree.epoch, version: held.version),
                .create(ZooKeeperTree.cluster, Array(cluster.rawValue.utf8)),
            ])
        } catch {
            // What is replaced has named it already.
            guard error.kind == .nodeExists else { throw error.storeError }
        }
    }
}
