import ApusEngine
import ApusStore
import Logging

/// Asks what the controllers reach that stand by, when the leader wants to know; to ask never waits.
final class StandbyInquiry: Sendable {
    private let questions = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let peers: Peers
    private let inbox: Inbox
    private let logger: Logger

    init(_ peers: Peers, inbox: Inbox, logger: Logger) {
        self.peers = peers
        self.inbox = inbox
        self.logger = logger
    }

    func ask() { questions.continuation.yield() }

    /// Asks until cancelled; the engine does not wait for long.
    func run() async {
        for await _ in questions.stream {
            do throws(StoreError) {
                inbox.take(outcome: .standbys(try await peers.standbys()))
            } catch {
                logger.warning(
                    "what the controllers reach that stand by cannot be read",
                    metadata: ["error": "\(error)"]
                )
            }
        }
    }
}
