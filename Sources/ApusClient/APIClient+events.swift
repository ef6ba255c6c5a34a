package import ApusModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// An event as the API lists it.
package struct EventSummary: Sendable {
    /// One of Drove's: APP_STATE_CHANGE, say.
    package var type: String
    package var time: WallTime
    package var metadata: JSON
    /// All of it as the API gave it.
    package var json: JSON

    package init(json: JSON) throws(JSONError) {
        self.json = json
        type = try json.string("type")
        time = WallTime(milliseconds: try json.integer("time"))
        metadata = try json.required("metadata")
    }
}

/// What a stream of events tells.
package enum StreamedEvent: Sendable {
    case event(EventSummary)
    /// Events that are not held any more: those between the ids `after`, if that is known, and `before`.
    case gap(after: String?, before: String)
    /// The stream is still there.
    case sign
}

/// Calls about what has happened.
extension APIClient {
    /// The events later than that, the newest first.
    package func events(after time: WallTime, atMost count: Int) async throws -> [EventSummary] {
        let path = "cluster/events/latest?lastSyncTime=\(time.milliseconds)&size=\(count)"
        let data = try await get(path)
        return try read(path) { try data.array("events").map { try EventSummary(json: $0) } }
    }

    /// Follows what happens until the controller ends the stream, which it does in time; `take` gets each with the id
    /// behind which to go on.
    ///
    /// `query` is that of the API's stream; behind an empty `id` it begins as that says.
    package func follow(
        _ query: [(name: String, value: String)] = [],
        behind id: String,
        _ take: (_ id: String, StreamedEvent) -> Void
    ) async throws {
        let parts = query.map { "\(HTTPCall.encoded($0.name))=\(HTTPCall.encoded($0.value))" }
        let path = "cluster/events/stream" + (parts.isEmpty ? "" : "?\(parts.joined(separator: "&"))")
        // What broke off goes on behind another id.
        try await leader.at(as: caller, isHarmless: false) { endpoint in
            try await follow(path, at: "\(endpoint)/apis/v1/\(path)", behind: id, take)
        }
    }

    private func follow(
        _ path: String,
        at url: String,
        behind id: String,
        _ take: (_ id: String, StreamedEvent) -> Void
    ) async throws {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "text/event-stream")
        if !id.isEmpty { request.headers.add(name: "Last-Event-ID", value: id) }
        request.show(caller)
        do {
            let response = try await caller.trust.pools.streams.execute(request, timeout: Self.streamDeadline)
            guard response.status == .ok else {
                let body = try await response.body.collect(upTo: Self.longestRefusal)
                let answer = HTTPCall.Answer(status: Int(response.status.code), body: Array(body.readableBytesView))
                throw failure(answer, from: url)
            }
            var events = ServerSentEvents()
            for try await piece in response.body {
                for message in try events.take(piece.readableBytesView) {
                    take(message.id, try read(path) { try StreamedEvent(message) })
                }
            }
            // A cancelled body just ends; that must not look like the end of the stream.
            try Task.checkCancellation()
        } catch {
            throw ClientError.translated(error, url)
        }
    }

    private static let streamDeadline = TimeAmount.seconds(10)
    private static let longestRefusal = 1 << 20
}

extension StreamedEvent {
    fileprivate init(_ message: ServerSentEvents.Message) throws(JSONError) {
        guard !message.data.isEmpty else {
            self = .sign
            return
        }
        let json = try JSON(parsing: message.data)
        if message.type == "gap" {
            self = .gap(after: json["after"]?.text, before: try json.string("before"))
        } else {
            self = .event(try EventSummary(json: json))
        }
    }
}
