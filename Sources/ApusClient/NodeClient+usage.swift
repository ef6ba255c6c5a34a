package import ApusModel
import NIOHTTP1

extension NodeClient {
    /// More than any machine runs.
    private static let mostInstances = 10_000

    /// What the containers of the executor at that base URL use.
    ///
    /// - Throws: `ClientError`, or `CancellationError` when the task was cancelled.
    package func usage(of executor: String) async throws -> [InstanceUsage] {
        let url = "\(executor)/apis/v1/usage"
        let answer = try await HTTPCall(method: .GET, url: url, caller: caller).answer(within: Self.deadline)
        guard answer.status == 200 else { throw ClientError(answer: answer, from: url) }
        do {
            let instances = try JSON(parsing: answer.body).array("instances").prefix(Self.mostInstances)
            return try instances.map { try InstanceUsage(json: $0) }
        } catch {
            throw ClientError(.unreadable, "\(url) answered something else than it should: \(error)")
        }
    }
}
