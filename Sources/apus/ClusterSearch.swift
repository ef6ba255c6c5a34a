import ApusClient
import ApusModel
import ApusStore
import Logging

/// Asks controllers which cluster theirs is, until one answers.
struct ClusterSearch {
    static let interval: Duration = .seconds(1)

    private let controllers: KnownControllers
    private let caller: Caller
    private let logger: Logger

    init(of node: ExecutorNode) {
        controllers = node.controllers
        caller = Caller(node: node.hostname, secrets: node.security.secrets, trusting: node.security.trust)
        logger = node.logger
    }

    /// The cluster that was found, written down for good.
    func joined(_ membership: ClusterMembership) async throws -> ClusterID {
        let cluster = try await found()
        try membership.settle(cluster)
        Output.line("joined    cluster \(cluster), for good: \(membership.directory.path) now belongs to it")
        return cluster
    }

    /// Each reason to go on waiting is told once, not with every try.
    ///
    /// - Throws: `CancellationError` alone.
    private func found() async throws -> ClusterID {
        var told = ""
        while true {
            do throws(Unanswered) {
                return try await askEach()
            } catch {
                try Task.checkCancellation()
                if told != error.reason {
                    logger.warning(
                        "no controller says yet which cluster this is; asking again every second",
                        metadata: ["error": "\(error.reason)"]
                    )
                }
                told = error.reason
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private struct Unanswered: Error {
        var reason: String
    }

    private func askEach() async throws(Unanswered) -> ClusterID {
        let urls = controllers.urls
        var reasons = urls.isEmpty ? ["none is known yet"] : []
        for controller in urls {
            do {
                let summary = try await APIClient(endpoint: controller, as: caller).cluster()
                let id = summary["clusterId"]?.text.map { ClusterID($0) }
                if let id, id.isPlain { return id }
                reasons.append("\(controller) does not say which cluster it leads: name it with --cluster")
            } catch {
                reasons.append("\(error)")
            }
        }
        throw Unanswered(reason: reasons.joined(separator: "; "))
    }
}
