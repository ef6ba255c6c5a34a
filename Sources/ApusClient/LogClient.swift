import AsyncHTTPClient
import ApusModel
import NIOCore
import NIOHTTP1

/// The log files of one instance or task, at an executor or through a controller; neither uses the envelope.
package struct LogClient: Sendable {
    /// A part of a file.
    package struct Piece: Hashable, Sendable {
        package var data: String
        /// Where the file goes on.
        package var next: Int
        /// What tells this file from the others of its folder under any name; empty while it has no line.
        ///
        /// Later files have greater texts.
        package var file: String
        package var length: Int
    }

    /// What came back, whatever its status.
    package struct Answer: Hashable, Sendable {
        package var status: Int
        package var body: [UInt8]
        /// Which executor has the files, or had them, and since when it is away; `nil` if nobody says.
        package var executor: String?
    }

    /// What is said if nobody knows where the files are.
    package static let unknown = "There is no such instance or task, or its executor is gone"
    /// Longer than a controller waits for an executor.
    private static let deadline = Duration.seconds(15)
    /// For an executor to read a piece from its disk.
    private static let nodeDeadline = Duration.seconds(10)

    /// Who is asked: of controllers the one that leads.
    private let asked: LeaderSearch
    private let folder: String
    private let limit: Duration
    private let caller: Caller

    /// Asks the controller that the client asks.
    ///
    /// `kind` is `applications` or `tasks`.
    package init(_ client: APIClient, kind: String, owner: String, name: String) {
        caller = client.caller
        asked = client.leader
        folder = "/apis/v1/logfiles/\(kind)/\(HTTPCall.encoded(owner))/\(HTTPCall.encoded(name))"
        limit = Self.deadline
    }

    /// Asks the executor at that address.
    package init(executor: String, kind: String, owner: String, name: String, as caller: Caller = .nobody) {
        self.caller = caller
        asked = LeaderSearch(executor)
        folder = "/apis/v1/logs/\(kind)/\(HTTPCall.encoded(owner))/\(HTTPCall.encoded(name))"
        limit = Self.nodeDeadline
    }

    private var base: String { asked.endpoint + folder }

    // MARK: as values

    /// The names of the files, the newest first.
    package func files() async throws -> [String] {
        let list = try await value(of: "list") { $0 }
        if let elsewhere = list["elsewhere"]?.text { throw ClientError(.refused([elsewhere]), elsewhere) }
        do {
            return try list.strings("files")
        } catch {
            throw ClientError(.unreadable, "\(base)/list answered something else than it should: \(error)")
        }
    }

    /// Up to `length` bytes from `offset`, to a whole character; where there are none, so many seconds are waited for
    /// some, if the executor has time.
    package func read(_ file: String, offset: Int, length: Int, waiting seconds: Int = 0) async throws -> Piece {
        var query = [("offset", "\(offset)"), ("length", "\(length)")]
        if seconds > 0 { query.append(("wait", "\(seconds)")) }
        return try await value(of: readPath(file, query)) { json in
            Piece(
                data: try json.string("data"),
                next: try json.int("next"),
                file: try json.string("file"),
                length: try json.int("length")
            )
        }
    }

    private func value<Value>(of path: String, _ read: (JSON) throws -> Value) async throws -> Value {
        let (answer, url) = (try await answer(path), "\(base)/\(path)")
        guard answer.status != 204 else {
            throw ClientError(
                .notFound,
                answer.executor.map { "The output is on the executor \($0)" } ?? Self.unknown
            )
        }
        guard answer.status == 200 else { throw Self.failure(answer, url) }
        do {
            return try read(try JSON(parsing: answer.body))
        } catch {
            throw ClientError(.unreadable, "\(url) answered something else than it should: \(error)")
        }
    }

    /// Their refusals are `{"error":…}`, others the envelope's.
    private static func failure(_ answer: Answer, _ url: String) -> ClientError {
        do {
            let json = try JSON(parsing: answer.body)
            if let text = json["error"]?.text.map(inner) { return ClientError(.status(answer.status, text), text) }
            if answer.status == 400, let text = json["message"]?.text { return ClientError(.refused([text]), text) }
        } catch {
            // No JSON: told as it is.
        }
        return ClientError(answer: HTTPCall.Answer(status: answer.status, body: answer.body), from: url)
    }

    /// An executor's own words, which a controller hands on within its own.
    private static func inner(_ text: String) -> String {
        let parts = text.split(separator: " body: ", maxSplits: 1)
        guard parts.count == 2, parts[0].hasPrefix("Executor call returned: ") else { return text }
        do {
            return try JSON(parsing: Array(parts[1].utf8))["error"]?.text ?? text
        } catch {
            return text
        }
    }

    // MARK: as they are, to be handed on

    /// The path of a read with those of its query's parts that are given.
    package func readPath(_ file: String, _ query: [(name: String, value: String)]) -> String {
        path("read", file, query)
    }

    /// The path of a download.
    package func downloadPath(_ file: String, _ query: [(name: String, value: String)]) -> String {
        path("download", file, query)
    }

    private func path(_ verb: String, _ file: String, _ query: [(name: String, value: String)]) -> String {
        let parts = query.map { "\(HTTPCall.encoded($0.name))=\(HTTPCall.encoded($0.value))" }
        return "\(verb)/\(HTTPCall.encoded(file))" + (parts.isEmpty ? "" : "?\(parts.joined(separator: "&"))")
    }

    /// The answer to `list`, or to a path of `readPath`.
    package func answer(_ path: String) async throws -> Answer {
        try await asked.at(as: caller, isHarmless: true) { endpoint in
            let url = "\(endpoint)\(folder)/\(path)"
            let call = HTTPCall(method: .GET, url: url, caller: caller, isLong: true)
            let whole = try await call.answer(within: limit)
            let answer = Answer(status: whole.status, body: whole.body, executor: whole.executor)
            if asked.hasSeveral, answer.status == 400 {
                let failure = Self.failure(answer, url)
                if failure.saysNotLeading { throw failure }
            }
            return answer
        }
    }

    /// Begins a download; its body comes as it is read.
    package func download(_ path: String) async throws -> LogDownload {
        let url = "\(base)/\(path)"
        do {
            var request = HTTPClientRequest(url: url)
            request.show(caller)
            let response = try await caller.trust.pools.logs.execute(
                request,
                timeout: .nanoseconds(limit.nanoseconds)
            )
            return LogDownload(response)
        } catch {
            throw ClientError.translated(error, url)
        }
    }
}

/// A file that is on its way.
package struct LogDownload: Sendable {
    package let status: Int
    /// `nil` if it was not told.
    package let length: Int?
    package let contentType: String?
    package let disposition: String?
    private let body: HTTPClientResponse.Body

    init(_ response: HTTPClientResponse) {
        status = Int(response.status.code)
        length = response.headers.first(name: "Content-Length").flatMap { Int($0) }
        contentType = response.headers.first(name: "Content-Type")
        disposition = response.headers.first(name: "Content-Disposition")
        body = response.body
    }

    /// Its bytes as they come; iterate it once.
    package var pieces: Pieces { Pieces(body: body) }

    /// The beginning of the body, for the words of a refusal.
    package func beginning(upTo limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in body {
            bytes += chunk.readableBytesView
            if bytes.count >= limit { break }
        }
        return Array(bytes.prefix(limit))
    }
}

extension LogDownload {
    /// The pieces of a body; who sends is held back by who reads.
    package struct Pieces: AsyncSequence, Sendable {
        package typealias Element = [UInt8]

        let body: HTTPClientResponse.Body

        package func makeAsyncIterator() -> Iterator { Iterator(chunks: body.makeAsyncIterator()) }

        package struct Iterator: AsyncIteratorProtocol {
            var chunks: HTTPClientResponse.Body.AsyncIterator

            @concurrent
            package mutating func next() async throws -> [UInt8]? {
                let chunk = try await chunks.next()
                // A cancelled body just ends; that must not look like the end of the file.
                if chunk == nil { try Task.checkCancellation() }
                return chunk.map { Array($0.readableBytesView) }
            }
        }
    }
}

@available(*, unavailable)
extension LogDownload.Pieces.Iterator: Sendable {}
