import ApusController
import ApusModel
import ApusStore

/// The store of controllers that do not run, in ZooKeeper.
struct ZooKeeperState {
    let settings: ZooKeeperSession.Settings

    private var address: ZooKeeperAddress { settings.address }

    /// Puts what an export held into the place of what is there.
    ///
    /// - Returns: how many records were there, which are gone.
    /// - Throws: `CommandFailure`, whatever it was that failed.
    func replace(by state: RestoredState, ifEmpty: Bool) async throws -> Int {
        let session = ZooKeeperSession.open(settings)
        let result: Result<Int, any Error>
        do {
            let time = TimeSource.system()
            let store = try await ZooKeeperStore.open(session) { time().now }
            let line = ZooKeeperLeadership(store: store, id: ZooKeeperLeadership.importer, description: [])
            result = .success(try await line.replace(by: state, ifEmpty: ifEmpty))
        } catch let failure as ImportFailure {
            result = .failure(told(failure, of: state.header.cluster))
        } catch {
            result = .failure(CommandFailure(.other, "\(error). No record was changed"))
        }
        await session.close()
        return try result.get()
    }

    private func told(_ failure: ImportFailure, of cluster: ClusterID) -> CommandFailure {
        switch failure {
        case .inUse(let ids):
            CommandFailure(
                .conflict,
                "\(address) is in use, and nothing was changed: \(standing(ids)). End all controllers there first; of one "
                    + "that was killed ZooKeeper lets go when its session is over (10s unless it was told otherwise)"
            )
        case .belongs(let other):
            CommandFailure(
                .conflict,
                "\(address) belongs to cluster \(other), and this is an export of cluster \(cluster): give another path "
                    + "behind the servers"
            )
        case .holds(let records, let epoch):
            CommandFailure(
                .conflict,
                "\(address) holds a state with \(records) records, epoch \(epoch). Give another path behind the servers, or "
                    + "--replace to put the export in its place; what is there is gone then, so export it before"
            )
        case .brokeOff(let error):
            CommandFailure(
                .other,
                "The import into \(address) broke off: \(error). What is there may be a part of it, which no controller "
                    + "leads by: do the same again"
            )
        }
    }

    private func standing(_ ids: [String]) -> String {
        ids.enumerated().map { index, id in
            if id == ZooKeeperLeadership.importer { return "an import is under way" }
            return index == 0 ? "\(id) leads" : "\(id) stands by"
        }.joined(separator: ", ")
    }
}
