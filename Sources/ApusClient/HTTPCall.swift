import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// One HTTP request and its whole answer, with a deadline over all of it.
struct HTTPCall: Sendable {
    /// What came back, whatever its status.
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
        /// Which executor it is from, if a controller says so.
        var executor: String?
    }

    /// The longest answer that is read whole.
    private static let longestAnswer = 64 << 20

    var method: HTTPMethod
    var url: String
    var body: [UInt8]?
    var caller = Caller.nobody
    /// Calls that may take long have connections of their own, so that others need not wait for one.
    var isLong = false

    /// Sends it.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    func answer(within limit: Duration) async throws -> Answer {
        do {
            return try await withDeadline(
                limit,
                late: { ClientError(.timedOut, "\(url) did not answer within \(limit)") },
                execute
            )
        } catch {
            throw ClientError.translated(error, url)
        }
    }

    private func execute() async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.show(caller)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let client = isLong ? caller.trust.pools.logs : caller.trust.pools.calls
        let response = try await client.execute(request, deadline: .distantFuture)
        let bytes = try await response.body.collect(upTo: Self.longestAnswer)
        return Answer(
            status: Int(response.status.code),
            body: Array(bytes.readableBytesView),
            executor: response.headers.first(name: "Apus-Executor")
        )
    }

    /// Percent-encodes all but letters, digits and the four marks that every part of a URL allows.
    static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}

extension HTTPClientRequest {
    /// Says who calls.
    mutating func show(_ caller: Caller) {
        for field in caller.fields() { headers.replaceOrAdd(name: field.name, value: field.value) }
    }
}
