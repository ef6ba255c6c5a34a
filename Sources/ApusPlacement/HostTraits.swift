/// What placement policies look at of an executor, beside what it offers and holds.
package struct HostTraits: Hashable, Sendable {
    package let hostname: String
    /// Without the hostname, which counts as a tag beside them.
    package let tags: Set<String>
    package let zone: String?
    package let metadata: [String: String]

    /// The hostname may be among the tags.
    package init(
        hostname: String,
        tags: Set<String> = [],
        zone: String? = nil,
        metadata: [String: String] = [:]
    ) {
        self.hostname = hostname
        self.tags = tags.subtracting([hostname])
        self.zone = zone
        self.metadata = metadata
    }
}
