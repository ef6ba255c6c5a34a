package import ApusModel
import NIOHTTP1

/// Who answers at an executor's address.
package struct NodePong: Hashable, Sendable {
    package var cluster: ClusterID
    package var executor: ExecutorID
    package var incarnation: Int64

    package init(cluster: ClusterID, executor: ExecutorID, incarnation: Int64) {
        self.cluster = cluster
        self.executor = executor
        self.incarnation = incarnation
    }
}

extension NodeClient {
    /// Asks whoever listens at that base URL, `http://host:port`, which executor it is.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    package func ping(_ executor: String) async throws -> NodePong {
        let url = "\(executor)/apis/v1/ping"
        let answer = try await HTTPCall(method: .GET, url: url, caller: caller).answer(within: Self.deadline)
        guard !answer.isOfUnknown else { throw ClientError(unknownAt: url) }
        guard answer.status == 200 else { throw ClientError(answer: answer, from: url) }
        do {
            let json = try JSON(parsing: answer.body)
            return NodePong(
                cluster: ClusterID(try json.string("cluster")),
                executor: ExecutorID(try json.string("executorId")),
                incarnation: try json.integer("incarnation")
            )
        } catch {
            throw ClientError(.unreadable, "\(url) is no executor's: \(error)")
        }
    }
}
