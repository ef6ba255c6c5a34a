import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// The whole store, for a back-up.
extension APIClient {
    /// Until it begins: all records may have to be read before.
    private static let deadline = TimeAmount.seconds(120)
    private static let longestRefusal = 1 << 20

    /// Begins an export of the store, which only root may do; it comes as it is read, and is whole only with its last line.
    package func exportStore() async throws -> LogDownload {
        try await leader.at(as: caller, isHarmless: true) { endpoint in
            try await exportStore(at: "\(endpoint)/apis/v1/cluster/export")
        }
    }

    private func exportStore(at url: String) async throws -> LogDownload {
        do {
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.show(caller)
            let response = try await caller.trust.pools.logs.execute(request, timeout: Self.deadline)
            guard response.status == .ok else {
                let body = try await response.body.collect(upTo: Self.longestRefusal)
                let answer = HTTPCall.Answer(status: Int(response.status.code), body: Array(body.readableBytesView))
                throw failure(answer, from: url)
            }
            return LogDownload(response)
        } catch {
            throw ClientError.translated(error, url)
        }
    }
}
