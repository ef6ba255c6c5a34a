package import ApusModel
import NIOHTTP1

extension NodeClient {
    /// Beyond the time that it may wait for news.
    private static let historyDeadline = Duration.seconds(5)

    /// What the controller at that base URL answers for a path below `/apis/v1/internal/history`, or for that itself.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled. One of an earlier version gives
    ///   `status(404, …)`.
    package func history(
        _ path: String,
        _ query: [(name: String, value: String)],
        of controller: String
    ) async throws -> JSON {
        let parts = query.map { "\(HTTPCall.encoded($0.name))=\(HTTPCall.encoded($0.value))" }
        let url = "\(controller)/apis/v1/internal/history\(path)?\(parts.joined(separator: "&"))"
        let call = HTTPCall(method: .GET, url: url, caller: caller, isLong: true)
        let answer = try await call.answer(within: Self.historyDeadline)
        guard answer.status != 401 else { throw ClientError(unknownAt: url) }
        guard answer.status == 200 else { throw ClientError(answer: answer, from: url) }
        do {
            return try JSON(parsing: answer.body)
        } catch {
            throw ClientError(.unreadable, "\(url) answered what is no JSON: \(error)")
        }
    }
}
