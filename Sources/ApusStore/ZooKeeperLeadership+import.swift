import ApusEngine
package import ApusModel

/// Why an import into ZooKeeper was not done.
package enum ImportFailure: Error, Hashable, Sendable {
    /// These stand in the line of controllers, the first of them first. Nothing was changed.
    case inUse(by: [String])
    /// Another cluster's state is there, or is to be. Nothing was changed.
    case belongs(to: ClusterID)
    /// A state is there that was not to be replaced. Nothing was changed.
    case holds(records: Int, epoch: Epoch)
    /// What is there may be a part of the import, which nobody leads by.
    case brokeOff(StoreError)
}

/// An import into ZooKeeper goes over the records that are there, in many batches, so those are gone with the first.
///
/// It stands in the line meanwhile: a controller that comes waits behind it. One that leads all the same, since the import
/// has lost its place, has raised the epoch: nothing more is imported, and the marker is there.
extension ZooKeeperLeadership {
    /// The id under which an import stands in the line.
    package static let importer = "apus store import"

    /// Puts what an export held into the place of all that is there, if no controller stands in the line.
    ///
    /// What an import left that broke off is in nobody's way.
    ///
    /// - Returns: how many records of a state were there, which are gone.
    /// - Throws: `ImportFailure`; or `StoreError`, and no record was changed.
    package func replace(by state: RestoredState, ifEmpty: Bool) async throws -> Int {
        let place: Candidate
        do throws(ZooKeeperError) { place = try await stand() } catch { throw error.storeError }
        let result: Result<Int, any Error>
        do {
            result = .success(try await replace(by: state, ifEmpty: ifEmpty, from: place))
        } catch {
            result = .failure(error)
        }
        // try?: it goes with the session at the latest.
        try? await session.delete(place.path)
        return try result.get()
    }

    private func replace(by state: RestoredState, ifEmpty: Bool, from place: Candidate) async throws -> Int {
        let others = try await others(before: place)
        guard others.isEmpty else { throw ImportFailure.inUse(by: others) }
        let cluster = state.header.cluster
        let known = try await isThere(cluster)
        var keys: [RecordKey] = []
        for kind in RecordKind.allCases { keys += try await store.list(kind).map(\.key) }
        // Half an import is nobody's state.
        let old = !known || keys.contains(RestoredState.marker) ? 0 : keys.count
        if ifEmpty, old > 0 { throw ImportFailure.holds(records: old, epoch: try await store.currentEpoch()) }
        let epoch = try await store.setEpoch(whileThereIs: place.path) { max($0, state.header.epoch) + 1 }.epoch
        // Until now a controller that begins could have founded another one.
        _ = try await isThere(cluster)
        do throws(StoreError) {
            try await state.put(into: store, at: epoch)
            try await store.settle(cluster)
        } catch {
            throw ImportFailure.brokeOff(error)
        }
        return old
    }

    /// Whether that cluster is written down there.
    ///
    /// - Throws: `ImportFailure` if another one is.
    private func isThere(_ cluster: ClusterID) async throws -> Bool {
        guard let known = try await store.cluster() else { return false }
        guard known == cluster.rawValue else { throw ImportFailure.belongs(to: ClusterID(known)) }
        return true
    }

    private func others(before place: Candidate) async throws(StoreError) -> [String] {
        do throws(ZooKeeperError) {
            var others: [String] = []
            for name in try await session.line().prefix(while: { $0 != place.name }) {
                if let id = try await session.standing(name) { others.append(String(decoding: id, as: UTF8.self)) }
            }
            return others
        } catch {
            throw error.storeError
        }
    }
}
