import ApusModel

/// One whole answer of the engine.
package struct EngineAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    /// The engine's own message, or the beginning of whatever it sent instead.
    package var message: String {
        do {
            if let message = try JSON(parsing: body)["message"]?.text { return message }
        } catch {
            // Not JSON (a proxy's page, say): the text itself says more than the parser's complaint.
        }
        let text = String(decoding: body.prefix(500), as: UTF8.self)
        return text.isEmpty ? "status \(status) without a message" : text
    }

    /// The body read by `read`; an unreadable one is an error that says where.
    func decoded<Value>(doing: String, _ read: (JSON) throws(JSONError) -> Value) throws(ContainerError) -> Value {
        do {
            return try read(try JSON(parsing: body))
        } catch {
            throw ContainerError(.unreadable, doing: doing, message: "the engine's answer cannot be read: \(error)")
        }
    }
}
