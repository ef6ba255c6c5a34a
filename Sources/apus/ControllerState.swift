import ApusModel
import ApusStore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The store of a controller that does not run: the one place where commands open it.
struct ControllerState {
    /// The state directory.
    let path: String

    /// Runs `body` on the store, which no other process has meanwhile; makes none.
    ///
    /// - Throws: `CommandFailure`, whatever it was that failed.
    func reading<Value>(_ body: (any StateStore, ClusterID) async throws -> Value) async throws -> Value {
        // Opened it would be made.
        guard FileManager.default.fileExists(atPath: "\(path)/\(SQLiteStore.fileName)") else {
            throw CommandFailure(.other, "\(path) holds no store: name the state directory of a controller")
        }
        return try await holding { directory in
            guard let cluster = try ClusterMembership(directory: directory).known() else {
                throw CommandFailure(.other, ClusterMembership.missing(in: directory))
            }
            let store = try await SQLiteStore.open(in: directory)
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(store, cluster))
            } catch {
                result = .failure(error)
            }
            try await store.close()
            return try result.get()
        }
    }

    /// Puts what an export held into the directory, which is made if it is not there, and gives it the cluster's id.
    ///
    /// - Returns: where the store that was there is kept; `nil` if there was none, or nothing in it.
    /// - Throws: `CommandFailure` if something is there that may not be replaced, or the directory is another cluster's.
    func replace(by state: RestoredState, ifEmpty: Bool) async throws -> String? {
        try await holding { directory in
            let (membership, cluster) = (ClusterMembership(directory: directory), state.header.cluster)
            let known = try membership.known()
            if let known, known != cluster {
                throw CommandFailure(
                    .conflict,
                    "\(path) belongs to cluster \(known), and this is an export of cluster \(cluster): give another "
                        + "directory with --state"
                )
            }
            let standing = await SQLiteStore.standing(in: directory)
            if ifEmpty, let what = standing.text {
                throw CommandFailure(
                    .conflict,
                    "\(path) holds a store\(what). Give another directory with --state, or --replace to put the export in "
                        + "its place; the old store is kept beside it"
                )
            }
            let kept = try await SQLiteStore.replace(standing, in: directory, by: state)
            // Last: a controller does not begin on a store whose cluster is not written down.
            if known == nil { try membership.settle(cluster) }
            return kept.map { "\(path)/\($0)" }
        }
    }

    private func holding<Value>(_ body: (StateDirectory) async throws -> Value) async throws -> Value {
        do {
            let directory = try StateDirectory(at: path)
            defer { directory.close() }
            return try await body(directory)
        } catch let failure as CommandFailure {
            throw failure
        } catch let error as StoreError {
            guard case .locked(_, let pid) = error else { throw CommandFailure(.other, "\(error)") }
            throw CommandFailure(
                .conflict,
                "\(path) is in use by \(pid.map { "process \($0)" } ?? "another process"): a controller that runs is "
                    + "exported without --state, and stopped before an import"
            )
        } catch {
            throw CommandFailure(.other, "\(error)")
        }
    }
}

extension SQLiteStore.Standing {
    /// For people; `nil` if there is nothing.
    fileprivate var text: String? {
        switch self {
        case .empty: nil
        case .store(let epoch, let records): " with \(records) records, epoch \(epoch)"
        case .unreadable(let error): " that cannot be read (\(error))"
        }
    }
}
