import ApusClient
import ApusModel
import Logging

/// Asks controllers which cluster theirs is, until one answers.
struct ClusterSearch {
    static let interval: Duration = .seconds(1)

    let controllers: [String]
    let caller: Caller
    let logger: Logger

    /// Each reason to go on waiting is told once, not with every try.
    ///
    /// - Throws: `CancellationError` alone.
    func found() async throws -> ClusterID {
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
        var reasons: [String] = []
        for controller in controllers {
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
