package import ApusModel
import Crypto

/// Who this executor is for good: made with its state directory, its incarnation raised at each start.
package struct DurableIdentity: Hashable, Sendable {
    private static let file = "node.json"
    private static let schema: Int64 = 1

    package var key: NodeKey
    package var incarnation: Int64

    package init(key: NodeKey, incarnation: Int64) {
        self.key = key
        self.incarnation = incarnation
    }

    /// Reads what the file holds.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        let version = try json.integer("schema")
        guard version <= Self.schema else { throw JSONError("it was written by a later version of Apus") }
        self.init(key: NodeKey(try json.string("key")), incarnation: try json.integer("incarnation"))
        guard (0..<Int64.max).contains(incarnation) else { throw JSONError("no incarnation follows \(incarnation)") }
    }

    /// The form of `init(json:)`.
    package var json: JSON {
        .members(["schema": .integer(Self.schema), "key": key.json, "incarnation": .integer(incarnation)])
    }

    /// Reads the identity, makes one if there is none, and returns when its raised incarnation is durable.
    ///
    /// - Throws: `FileFailure`, or `ExecutorError` if what is there cannot be read.
    package static func raised(in directory: NodeDirectory) throws -> DurableIdentity {
        var identity = try read(in: directory) ?? DurableIdentity(key: .random(), incarnation: 0)
        identity.incarnation += 1
        try directory.replace(file, with: identity.json.bytes + [UInt8(ascii: "\n")])
        return identity
    }

    private static func read(in directory: NodeDirectory) throws -> DurableIdentity? {
        guard let bytes = try directory.contents(of: file) else { return nil }
        do throws(JSONError) {
            return try DurableIdentity(json: try JSON(parsing: bytes))
        } catch {
            throw ExecutorError(
                """
                \(directory.path(of: file)) cannot be read: \(error). Restore it, or remove it: the executor is then \
                new to its cluster
                """
            )
        }
    }
}

extension NodeKey {
    fileprivate static func random() -> NodeKey {
        var generator = SystemRandomNumberGenerator()
        return NodeKey(uuidText((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }, version: 4))
    }
}

extension ExecutorID {
    /// The name-based UUID (RFC 9562, version 3) of `"<hostname>:<port>"`, as Drove computes it.
    package init(hostname: String, port: Int) {
        // No security hangs on it: it is a name.
        self.init(uuidText(Array(Insecure.MD5.hash(data: Array("\(hostname):\(port)".utf8))), version: 3))
    }
}

/// Sixteen bytes as a UUID of that version.
private func uuidText(_ source: [UInt8], version: UInt8) -> String {
    var bytes = source
    bytes[6] = bytes[6] & 0x0F | version << 4
    bytes[8] = bytes[8] & 0x3F | 0x80
    var text = ""
    for (index, byte) in bytes.enumerated() {
        if [4, 6, 8, 10].contains(index) { text.append("-") }
        text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
}
