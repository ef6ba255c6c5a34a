package import ApusModel
package import Logging

/// The images that this executor fetched.
package struct FetchedImages: Hashable, Sendable {
    private static let schema: Int64 = 1

    /// By name, with the ids that they had then.
    package var ids: [String: String] = [:]
    /// Ids whose names have come to mean others.
    package var replaced: Set<String> = []
    /// Names that are being fetched: what they mean afterwards is ours, whoever saw the end of it.
    package var coming: Set<String> = []

    package init(ids: [String: String] = [:], replaced: Set<String> = []) {
        self.ids = ids
        self.replaced = replaced
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        guard try json.integer("schema") == Self.schema else { throw JSONError("its schema is not \(Self.schema)") }
        guard case .object(let members) = try json.required("images") else { throw JSONError("images is no object") }
        for member in members { ids[member.key] = member.value.text }
        if case .array(let texts)? = json["replaced"] { replaced = Set(texts.compactMap(\.text)) }
        if case .array(let names)? = json["coming"] { coming = Set(names.compactMap(\.text)) }
    }

    /// The form in the state directory.
    package var json: JSON {
        .members([
            "schema": .integer(Self.schema), "images": .strings(ids),
            "replaced": replaced.isEmpty ? nil : .array(replaced.sorted().map(JSON.string)),
            "coming": coming.isEmpty ? nil : .array(coming.sorted().map(JSON.string)),
        ])
    }

    /// What is ours, or may be.
    var names: Set<String> { coming.union(ids.keys) }

    /// It is removed.
    mutating func forget(_ name: String) {
        ids[name] = nil
        coming.remove(name)
    }

    /// The name means that image now; `nil`: one that is not ours.
    mutating func replace(_ name: String, with id: String?) {
        coming.remove(name)
        if let old = ids[name], old != id { replaced.insert(old) }
        ids[name] = id
        if let id { replaced.remove(id) }
    }
}

/// Which images this executor fetched, kept in its state directory: only those are ever removed.
package struct ImageLedger: Sendable {
    private static let name = "images.json"

    /// What an earlier run fetched.
    package let known: FetchedImages
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
            known = FetchedImages()
        }
    }

    private static func read(_ bytes: [UInt8]?) throws(JSONError) -> FetchedImages {
        guard let bytes else { return FetchedImages() }
        return try FetchedImages(json: try JSON(parsing: bytes))
    }

    /// Writes what `images` gives when its turn has come.
    func write(_ images: @escaping @Sendable () -> FetchedImages) async throws {
        try await disk.run { [directory] in
            try directory.replace(Self.name, with: images().json.bytes)
        }
    }
}
