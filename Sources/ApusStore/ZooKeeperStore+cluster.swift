/// Which cluster the tree is of: the first controller writes it down, and for good.
extension ZooKeeperStore {
    /// The cluster's id as it stands there; `new` is written down if nobody has founded one yet.
    ///
    /// - Throws: `unavailable` if the servers do not answer.
    package func cluster(orFound new: String) async throws(StoreError) -> String {
        do throws(ZooKeeperError) {
            do throws(ZooKeeperError) {
                try await session.create(ZooKeeperTree.cluster, Array(new.utf8), .persistent)
                return new
            } catch  where error.kind == .nodeExists {
                return String(decoding: try await session.get(ZooKeeperTree.cluster).bytes, as: UTF8.self)
            }
        } catch {
            throw error.storeError
        }
    }
}
