/// Puts server-sent events together from the pieces of a body.
package struct ServerSentEvents: Sendable {
    /// What stands between two blank lines.
    package struct Message: Hashable, Sendable {
        /// Behind it a stream goes on; empty if it does not say.
        package var id = ""
        package var type = ""
        /// Empty of a mere sign of life.
        package var data = ""

        package init() {}
    }

    /// An event of a cluster is far shorter.
    package static let longest = 4 << 20

    private var line: [UInt8] = []
    private var message = Message()

    package init() {}

    /// The messages that are whole with these bytes.
    ///
    /// - Throws: `ClientError` if one does not end.
    package mutating func take(_ bytes: some Sequence<UInt8>) throws(ClientError) -> [Message] {
        var messages: [Message] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if let message = endLine() { messages.append(message) }
        }
        guard line.count + message.data.utf8.count <= Self.longest else {
            throw ClientError(.unreadable, "an event of the stream is longer than \(Self.longest) bytes")
        }
        return messages
    }

    /// - Returns: the message that ends with it, if one does.
    private mutating func endLine() -> Message? {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { message = Message() }
            return message == Message() ? nil : message
        }
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
        if value.hasPrefix(" ") { value.removeFirst() }
        switch String(decoding: parts[0], as: UTF8.self) {
        case "id": message.id = value
        case "event": message.type = value
        case "data": message.data += message.data.isEmpty ? value : "\n\(value)"
        // Comments, and what later versions may say.
        default: break
        }
        return nil
    }
}
