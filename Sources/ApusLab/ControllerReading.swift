import ApusClient
package import ApusModel
import ApusTestKit
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// What a controller answered to a GET, whatever the status.
package struct ControllerReading: Sendable, CustomStringConvertible {
    /// The header by which old state is asked for, and marked.
    fileprivate static let mark = "Apus-Read"
    /// The longest answer that is read whole.
    fileprivate static let longest = 16 << 20

    package let status: Int
    /// It is from a controller that does not lead.
    package let isStale: Bool
    /// `Age`; `nil` if it is not there or no number.
    package let age: Int?
    /// What stands in `data`.
    package let data: JSON?
    private let text: String

    fileprivate init(_ response: HTTPClientResponse, _ body: ByteBuffer) {
        status = Int(response.status.code)
        isStale = response.headers.first(name: Self.mark) == "stale"
        age = response.headers.first(name: "Age").flatMap { Int($0) }
        text = String(buffer: body)
        do {
            data = try JSON(parsing: Array(body.readableBytesView))["data"]
        } catch {
            // What it is instead stands in the description.
            data = nil
        }
    }

    package var description: String {
        let mark = isStale ? ", stale, of age \(age.map(String.init) ?? "unknown")" : ""
        return "\(status)\(mark): \(text.prefix(2_000))"
    }
}

extension LabCluster.Controller {
    /// One that nobody listens for is told at once; it stays for as long as the process.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }()

    /// What stands at a path behind `/apis/v1/`, here and nowhere else; of one that does not lead if it `mayBeStale`.
    ///
    /// - Throws: if there is no answer within the limit.
    package func read(
        _ path: String,
        mayBeStale: Bool,
        within limit: Duration = .seconds(5)
    ) async throws -> ControllerReading {
        var request = HTTPClientRequest(url: "\(api.endpoint)/apis/v1/\(path)")
        request.headers.add(name: "Authorization", value: LabAccess.authorization)
        if mayBeStale { request.headers.add(name: ControllerReading.mark, value: "stale") }
        let (url, asked) = (request.url, request)
        return try await withDeadline(limit, late: { Unfulfilled("\(url) did not answer within \(limit)") }) {
            let response = try await Self.client.execute(asked, deadline: .distantFuture)
            return ControllerReading(response, try await response.body.collect(upTo: ControllerReading.longest))
        }
    }
}
