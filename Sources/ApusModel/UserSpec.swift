/// Who the container's process runs as.
package struct UserSpec: SpecPart {
    /// A name or a uid.
    package var user: String
    /// A name or a gid.
    package var group: String?

    package init(user: String, group: String? = nil) {
        self.user = user
        self.group = group
    }

    package init(_ reader: SpecReader) {
        self.init(user: reader.string("user", required: "must not be empty"), group: reader.string("group"))
    }

    package var json: JSON { .members(["user": .string(user), "group": group.map { .string($0) }]) }
}
