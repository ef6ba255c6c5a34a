import GRDB

/// In the state directory of a controller by ZooKeeper no store of its own may begin: whoever led by it would be the same
/// cluster, and know nothing of its state. A version that knows no ZooKeeper does not look for that, but refuses what a
/// later version wrote: so that is what stands in the store's place.
extension SQLiteStore {
    static let placeholder = "in ZooKeeper"

    /// Whether the directory has a store of its own.
    package static func isOwn(in directory: StateDirectory) async throws(StoreError) -> Bool {
        guard directory.holds(fileName) else { return false }
        let path = directory.path(of: fileName)
        return try await SQLiteFile.storeErrors(path) {
            try await SQLiteFile.offThePool {
                let file = try DatabaseQueue(path: path)
                let applied = try file.read { try schemaOfPlaceholder.appliedIdentifiers($0) }
                try file.close()
                return !applied.isSubset(of: [placeholder])
            }
        }
    }

    /// Has every version refuse to begin a store in the directory, until an import puts one there.
    ///
    /// - Throws: `unavailable` if there is one.
    package static func keepOut(of directory: StateDirectory) async throws(StoreError) {
        let path = directory.path(of: fileName)
        let file = try await SQLiteFile.open(path, label: "apus.store", readers: 1, schema: schemaOfPlaceholder)
        try await SQLiteFile.close(file, at: path)
    }

    private static var schemaOfPlaceholder: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration(placeholder) { _ in }
        return migrator
    }
}
