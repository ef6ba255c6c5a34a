package import ApusModel
import ApusEngine
import GRDB

/// An import takes the place of the whole file: it is made beside it, and given its name when all of it is on the disk. A
/// crash leaves the old store or the new one.
extension SQLiteStore {
    private static let unfinished = "\(fileName).import"
    /// What SQLite keeps beside a file while it is open, and leaves there if its process is killed.
    private static let (log, index) = ("-wal", "-shm")

    /// What is in the place of an import.
    package enum Standing: Hashable, Sendable {
        /// No store, or one without a record.
        case empty(Epoch)
        case store(Epoch, records: Int)
        /// A file that this version cannot read.
        case unreadable(StoreError)
    }

    /// Looks at the store of a directory; makes none.
    package static func standing(in directory: StateDirectory) async -> Standing {
        guard directory.holds(fileName) else { return .empty(0) }
        do throws(StoreError) {
            let store = try await open(in: directory)
            let standing: Standing
            do throws(StoreError) {
                standing = try await store.standing()
            } catch {
                standing = .unreadable(error)
            }
            try await store.close()
            return standing
        } catch {
            return .unreadable(error)
        }
    }

    private func standing() async throws(StoreError) -> Standing {
        let epoch = try await currentEpoch()
        var count = 0
        for kind in RecordKind.allCases { count += try await list(kind).count }
        return count == 0 ? .empty(epoch) : .store(epoch, records: count)
    }

    /// Puts what an export held into the place of the directory's store.
    ///
    /// - Returns: the name under which the old store's file is kept; `nil` if nothing was in it.
    package static func replace(
        _ standing: Standing,
        in directory: StateDirectory,
        by state: RestoredState
    ) async throws(StoreError) -> String? {
        for part in ["", log, index] { try directory.discard(unfinished + part) }
        try await make(state, above: standing.epoch, in: directory)
        let kept = try await setAside(standing, in: directory)
        try directory.sync()
        try directory.move(unfinished, to: fileName)
        try directory.sync()
        return kept
    }

    private static func make(_ state: RestoredState, above floor: Epoch, in directory: StateDirectory)
        async throws(StoreError)
    {
        let store = try await open(in: directory, named: unfinished)
        do throws(StoreError) {
            _ = try await state.put(into: store, above: floor)
        } catch {
            try await store.close()
            for part in ["", log, index] { try directory.discard(unfinished + part) }
            throw error
        }
        try await store.close()
        try await settle(unfinished, in: directory)
    }

    /// Gives the old store a second name, so that its own can be taken from it in one step.
    private static func setAside(_ standing: Standing, in directory: StateDirectory) async throws(StoreError) -> String?
    {
        guard directory.holds(fileName) else { return nil }
        var kept: String?
        if !standing.isEmpty {
            let number = (1...).first { !directory.holds("\(fileName).replaced-\($0)") } ?? 1
            kept = "\(fileName).replaced-\(number)"
        }
        do throws(StoreError) {
            try await settle(fileName, in: directory)
        } catch {
            // What no version could read any more loses nothing when its log leaves first.
            guard case .unreadable = standing, let kept else { throw error }
            if directory.holds(fileName + log) { try directory.move(fileName + log, to: kept + log) }
            try directory.discard(fileName + index)
        }
        if let kept { try directory.keep(fileName, as: kept) }
        return kept
    }

    /// Brings a closed file's log into it: under another name, or in another's place, that would be lost or do harm.
    private static func settle(_ name: String, in directory: StateDirectory) async throws(StoreError) {
        let path = directory.path(of: name)
        try await SQLiteFile.storeErrors(path) {
            try await SQLiteFile.offThePool {
                let file = try DatabaseQueue(path: path)
                try file.writeWithoutTransaction { db in
                    // Before the first look SQLite does not know that there is a log.
                    _ = try Row.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master")
                    try db.checkpoint(.truncate)
                }
                try file.close()
            }
        }
        guard !directory.holds(name + log) else {
            throw .unavailable(reason: "\(path) is open in another program; end that first")
        }
    }
}

extension SQLiteStore.Standing {
    /// The greatest that is known of.
    fileprivate var epoch: Epoch {
        switch self {
        case .empty(let epoch), .store(let epoch, _): epoch
        case .unreadable: 0
        }
    }

    fileprivate var isEmpty: Bool { if case .empty = self { true } else { false } }
}
