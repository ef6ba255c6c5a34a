import ApusModel

/// What controllers reach stands in their ephemeral nodes, so that nothing is left of one that is gone.
extension ZooKeeperLeadership {
    package func tell(reach bytes: [UInt8]) async throws(StoreError) {
        do throws(ZooKeeperError) { try await session.set(ZooKeeperTree.here(id), bytes) } catch {
            throw error.storeError
        }
    }

    package func reach(within span: Duration) async throws(StoreError) -> [String: [UInt8]] {
        let now: Int64
        let names: [String]
        do throws(ZooKeeperError) {
            // Written first: by the servers' own clock it is known then how old a word is, and none of before is read.
            now = try await session.set(ZooKeeperTree.here(id), []).modified
            names = try await session.children(ZooKeeperTree.controllers)
        } catch {
            throw error.storeError
        }
        let others = names.compactMap { NodeName.decoded($0) }.filter { $0 != id }
        let found = try await store.gather(others) { [self] id throws(ZooKeeperError) in try await word(of: id) }
        var reach: [String: [UInt8]] = [:]
        for (id, word) in zip(others, found) {
            guard let word, !word.bytes.isEmpty, now - word.facts.modified <= span.milliseconds else { continue }
            reach[id] = word.bytes
        }
        return reach
    }

    /// `nil` if it is not here.
    private func word(of id: String) async throws(ZooKeeperError) -> (bytes: [UInt8], facts: NodeFacts)? {
        do throws(ZooKeeperError) {
            return try await session.get(ZooKeeperTree.here(id))
        } catch {
            guard error.kind == .noNode else { throw error }
            return nil
        }
    }
}
