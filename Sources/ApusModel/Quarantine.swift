/// Containers that an executor leaves alone: they bear its name, and what else they say of themselves is not sound.
package struct Quarantine: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var container: ContainerID
        package var name: String
        /// What is not sound, for people.
        package var reason: String

        package init(container: ContainerID, name: String, reason: String) {
            self.container = container
            self.name = name
            self.reason = reason
        }
    }

    /// No more are named, however many there are.
    package static let mostNamed = 32
    /// Of each text, in bytes.
    package static let longestText = 300

    /// The first by id.
    package private(set) var named: [Entry]
    /// Of all.
    package private(set) var count: Int

    /// Names the first of them, their texts cut to size.
    package init(_ entries: [Entry] = []) {
        count = entries.count
        named = entries.sorted { $0.container < $1.container }.prefix(Self.mostNamed).map { entry in
            Entry(
                container: ContainerID(entry.container.rawValue.clipped(toBytes: Self.longestText)),
                name: entry.name.clipped(toBytes: Self.longestText),
                reason: entry.reason.clipped(toBytes: Self.longestText)
            )
        }
    }

    /// The form in messages and in the API.
    package var json: JSON {
        .members([
            "count": .integer(Int64(count)),
            "named": .array(
                named.map { entry in
                    .members([
                        "container": entry.container.json, "name": .string(entry.name),
                        "reason": .string(entry.reason),
                    ])
                }
            ),
        ])
    }

    /// Reads the form of `json`; of more than may be named the rest is left out.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        var entries: [Entry] = []
        for entry in try json.array("named").prefix(Self.mostNamed) {
            entries.append(
                Entry(
                    container: ContainerID(try entry.string("container")),
                    name: try entry.string("name"),
                    reason: try entry.string("reason")
                )
            )
        }
        self.init(entries)
        count = max(count, try json.int("count"))
    }
}
