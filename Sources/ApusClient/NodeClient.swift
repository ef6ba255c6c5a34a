package import ApusModel
import NIOHTTP1

/// Sends the messages between nodes (`docs/architecture.md` §5).
package struct NodeClient: Sendable {
    /// How long one message may take: a heartbeat's length.
    package static let deadline: Duration = .seconds(2)

    let caller: Caller

    package init(as caller: Caller = .nobody) { self.caller = caller }

    /// Sends a command to the executor at that base URL, `http://host:port`.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    package func send(_ command: NodeCommand, to executor: String) async throws -> CommandAnswer {
        let json = try await post(command.json, to: "\(executor)/apis/v1/messages")
        return try read(json, from: executor) { json throws(JSONError) in
            try CommandAnswer(json: json).withinLimits()
        }
    }

    /// Sends a report to the controller at that base URL, `http://host:port`.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled. A controller that does not lead
    ///   gives `status(400, …)`, one that cannot answer now `status(503, …)`.
    package func report(_ report: NodeReport, to controller: String) async throws -> ReportAnswer {
        let json = try await post(report.json, to: "\(controller)/apis/v1/internal/nodes/report")
        return try read(json, from: controller) { json throws(JSONError) in try ReportAnswer(json: json) }
    }

    private func post(_ message: JSON, to url: String) async throws -> JSON {
        let call = HTTPCall(method: .POST, url: url, body: message.bytes, caller: caller)
        let answer = try await call.answer(within: Self.deadline)
        guard !answer.isOfUnknown else { throw ClientError(unknownAt: url) }
        guard answer.status == 200 else { throw ClientError(answer: answer, from: url) }
        return try read(answer, from: url)
    }

    private func read(_ answer: HTTPCall.Answer, from url: String) throws -> JSON {
        do {
            return try JSON(parsing: answer.body)
        } catch {
            throw ClientError(.unreadable, "\(url) answered what is no JSON: \(error)")
        }
    }

    private func read<Message>(
        _ json: JSON,
        from url: String,
        as message: (JSON) throws(JSONError) -> Message
    ) throws -> Message {
        do {
            return try message(json)
        } catch {
            throw ClientError(.unreadable, "\(url) answered what is no message: \(error)")
        }
    }
}

extension HTTPCall.Answer {
    /// What a node shows is no secret there: 429 says that too, after many calls with a wrong one.
    var isOfUnknown: Bool { status == 401 || status == 429 }
}

extension ClientError {
    /// Nodes know each other by a secret, and this one's is not known there.
    init(unknownAt url: String) {
        let text = "\(url) does not know this node by its secret: both need one in common (--node-secret-file)"
        self.init(.status(401, ""), text)
    }

    /// What a status other than 200 means, with the envelope's message if there is one.
    init(answer: HTTPCall.Answer, from url: String) {
        var text = ""
        do {
            text = try JSON(parsing: answer.body)["message"]?.text ?? ""
        } catch {
            text = String(decoding: answer.body.prefix(200), as: UTF8.self)
        }
        self.init(.status(answer.status, text), "\(url) answered \(answer.status)\(text.isEmpty ? "" : ": \(text)")")
    }
}
