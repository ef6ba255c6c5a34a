import ApusModel
package import Logging

/// Which images this executor fetched, kept in its state directory: only those are ever removed.
package struct ImageLedger: Sendable {
    private static let name = "images.json"
    private static let schema: Int64 = 1

    /// What an earlier run fetched, by name; the value is the id that the image had then.
    package let known: [String: String]
    private let directory: NodeDirectory
    private let disk: DiskThread

    /// Reads what is kept; blocks.
    ///
    /// A file that cannot be read costs only that old images are not removed.
    package init(in directory: NodeDirectory, disk: DiskThread, logger: Logger) {
        self.directory = directory
        self.disk = disk
        do {
            known = try Self.read(directory.contents(of: Self.name))
        } catch {
            logger.warning(
                "the list of fetched images cannot be read: images of before are not removed",
                metadata: ["error": "\(error)"]
            )
            known = [:]
        }
    }

    private static func read(_ bytes: [UInt8]?) throws(JSONError) -> [String: String] {
        guard let bytes else { return [:] }
        let json = try JSON(parsing: bytes)
        guard try json.integer("schema") == schema else { throw JSONError("its schema is not \(schema)") }
        guard case .object(let members) = try json.required("images") else { throw JSONError("images is no object") }
        var images: [String: String] = [:]
        for member in members { images[member.key] = member.value.text }
        return images
    }

    func write(_ images: [String: String]) async throws {
        let json = JSON.members(["schema": .integer(Self.schema), "images": .strings(images)])
        try await disk.run { [directory] in try directory.replace(Self.name, with: json.bytes) }
    }
}
