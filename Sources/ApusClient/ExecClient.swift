import AsyncHTTPClient
package import ApusModel
import NIOCore
import NIOHTTP1

/// Runs commands in containers: through a controller, or at the executor that has the container.
package struct ExecClient: Sendable {
    /// For a container engine to make ready for the command.
    private static let limit = Duration.seconds(15)
    /// An executor's is handed on by a controller, whose caller waits for as long.
    private static let nodeLimit = Duration.seconds(10)
    /// Of a request's path and query: the servers take little more.
    package static let longestTarget = 72 << 10

    private let base: String
    private let limit: Duration
    private let caller: Caller

    /// Asks the controller at that address.
    package init(controller: String, as caller: Caller = .nobody) {
        base = controller
        limit = Self.limit
        self.caller = caller
    }

    /// Asks the executor at that address.
    package init(executor: String, as caller: Caller = .nobody) {
        base = executor
        limit = Self.nodeLimit
        self.caller = caller
    }

    /// What came back, whatever its status.
    package struct Answer: Sendable {
        package let status: Int
        /// The command is made ready, and frames come; otherwise `refusal` says why not.
        package let isOpen: Bool
        private let url: String
        private let body: HTTPClientResponse.Body

        init(_ response: HTTPClientResponse, of url: String) {
            self.url = url
            status = Int(response.status.code)
            isOpen = status == 200 && response.headers.first(name: "Content-Type") == ExecFrame.contentType
            body = response.body
        }

        /// The other side's frames as they come; iterate it once.
        package var pieces: LogDownload.Pieces { LogDownload.Pieces(body: body) }

        /// Why it was refused, in the other side's words.
        ///
        /// - Throws: `ClientError` if it does not come whole, or `CancellationError` when the task was cancelled.
        package func refusal() async throws -> String {
            let late: @Sendable () -> any Error = { ClientError(.timedOut, "the answer \(status) did not come whole") }
            let bytes: [UInt8]
            do {
                bytes = try await withDeadline(ExecClient.limit, late: late) {
                    var bytes: [UInt8] = []
                    for try await chunk in body {
                        bytes += chunk.readableBytesView
                        if bytes.count >= ExecClient.longestRefusal { break }
                    }
                    return bytes
                }
            } catch {
                throw ClientError.translated(error, url)
            }
            do {
                let json = try JSON(parsing: bytes)
                if let text = json["error"]?.text ?? json["message"]?.text { return text }
            } catch {
                // No JSON: told as it is.
            }
            let text = String(decoding: bytes, as: UTF8.self).clipped(toBytes: 200)
            return "it answered \(status)\(text.isEmpty ? "" : ": \(text)")"
        }
    }

    private static let longestRefusal = 64 << 10

    /// Asks for the command; what is sent into `outgoing` goes to it until that is finished, which it must be in the end.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    package func begin(
        _ request: ExecRequest,
        in instance: InstanceID,
        sending outgoing: BytePipe
    ) async throws -> Answer {
        let parts = request.query.map { "\($0.name)=\(HTTPCall.encoded($0.value))" }.joined(separator: "&")
        let path = "/apis/v1/instances/\(HTTPCall.encoded(instance.rawValue))/exec"
        guard path.utf8.count + parts.utf8.count < Self.longestTarget else {
            let text =
                "the command is too long: with all that belongs to it, encoded, at most \(Self.longestTarget) bytes"
            throw ClientError(.refused([text]), text)
        }
        var http = HTTPClientRequest(url: "\(base)\(path)?\(parts)")
        http.method = .POST
        http.headers.add(name: "Content-Type", value: ExecFrame.contentType)
        // It is not used again: the end of either side is the end of the connection.
        http.headers.add(name: "Connection", value: "close")
        http.show(caller)
        http.body = .stream(BytePipe.Buffers(pipe: outgoing), length: .unknown)
        let asked = http
        do {
            let late: @Sendable () -> any Error = {
                ClientError(.timedOut, "\(base) did not answer within \(limit)")
            }
            return try await withDeadline(limit, late: late) {
                Answer(try await caller.trust.pools.commands.execute(asked, deadline: .distantFuture), of: base + path)
            }
        } catch {
            throw ClientError.translated(error, base + path)
        }
    }
}
