/// What an executor needs to serve, and may fail by itself.
package enum NodeChannel: String, Hashable, Sendable, CaseIterable {
    /// The leader's calls: commands do not reach the executor's port.
    case control = "CONTROL"
    /// The executor's reports do not reach the leader.
    case data = "DATA"
    /// Its container engine.
    case engine = "ENGINE"
    /// Its state directory, with the journal.
    case storage = "STORAGE"
    /// Its clock agrees with the leader's.
    case clock = "CLOCK"

    /// For people.
    package var word: String { rawValue.lowercased() }
}

/// Why an executor cannot serve now.
package struct Trouble: Hashable, Sendable {
    /// What fails; `nil` if whoever says so is too old to name it.
    package var channel: NodeChannel?
    /// For people.
    package var text: String

    package init(_ channel: NodeChannel?, _ text: String) {
        self.channel = channel
        self.text = text
    }

    /// The form in the API.
    package var json: JSON {
        .members(["channel": channel.map { .string($0.rawValue) }, "reason": .string(text)])
    }

    /// Reads the form of `json`; a channel that we do not know reads as none.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        self.init(json["channel"]?.text.flatMap(NodeChannel.init(rawValue:)), try json.string("reason"))
    }
}

extension [Trouble] {
    package var texts: [String] { map(\.text) }

    /// Each that fails, in a fixed order.
    package var channels: [NodeChannel] {
        let failing = Set(compactMap(\.channel))
        return NodeChannel.allCases.filter(failing.contains)
    }
}
