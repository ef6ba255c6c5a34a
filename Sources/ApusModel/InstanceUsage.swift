/// What an instance used when its executor measured it last.
package struct InstanceUsage: Hashable, Sendable {
    /// Of each number: more than any machine has, and far from where numbers end.
    private static let most: Int64 = 1 << 50

    package var instance: InstanceID
    /// In thousandths of a core; `nil` until it was measured twice.
    package var cpu: Int64?
    /// `nil` if it was not measured.
    package var memoryBytes: Int64?
    /// How long ago that was; `nil` if it was not.
    package var ageMilliseconds: Int64?

    package init(instance: InstanceID, cpu: Int64? = nil, memoryBytes: Int64? = nil, ageMilliseconds: Int64? = nil) {
        self.instance = instance
        self.cpu = cpu
        self.memoryBytes = memoryBytes
        self.ageMilliseconds = ageMilliseconds
    }

    /// The form in messages.
    package var json: JSON {
        .members([
            "instanceId": instance.json, "cpu": cpu.map(JSON.integer), "memoryBytes": memoryBytes.map(JSON.integer),
            "ageMilliseconds": ageMilliseconds.map(JSON.integer),
        ])
    }

    /// Reads the form of `json`, which executors say.
    ///
    /// - Throws: `JSONError` with the first fault, or number out of bounds.
    package init(json: JSON) throws(JSONError) {
        func count(_ key: String) throws(JSONError) -> Int64? {
            guard json[key] != nil else { return nil }
            let number = try json.integer(key)
            guard (0...Self.most).contains(number) else { throw JSONError("\(key) must be 0 to \(Self.most)") }
            return number
        }
        self.init(
            instance: InstanceID(try json.string("instanceId")),
            cpu: try count("cpu"),
            memoryBytes: try count("memoryBytes"),
            ageMilliseconds: try count("ageMilliseconds")
        )
    }
}
