import ApusAgent
import ApusClient
import ApusModel
import Logging
import Synchronization

/// Sends reports to whichever of the controllers leads.
final class ReportSender: Sendable {
    /// Of one report, however many controllers there are to try.
    private static let deadline = Duration.seconds(2)

    private struct State {
        /// The one that is tried first: the last that took a report.
        var preferred = 0
        var isUnheard = false
        /// The log has been told that nobody lets it in.
        var isRejected = false
    }

    private let controllers: [String]
    private let logger: Logger
    private let client: NodeClient
    private let state = Mutex(State())

    init(controllers: [String], as caller: Caller, logger: Logger) {
        self.controllers = controllers
        client = NodeClient(as: caller)
        self.logger = logger
    }

    /// Tries each controller in turn.
    ///
    /// - Throws: why the last one did not take it.
    func send(_ report: NodeReport) async throws -> ReportAnswer {
        do {
            let answer = try await within(Self.deadline, doing: "reporting") { try await self.tryEach(report) }
            let wasUnheard = state.withLock { state in
                defer { (state.isUnheard, state.isRejected) = (false, false) }
                return state.isUnheard
            }
            if wasUnheard { logger.info("a leader answers again") }
            return answer
        } catch {
            let isNew = state.withLock { state in
                // A controller that hangs has used up the time: the next report begins with the one after it.
                if error is DeadlinePassed { state.preferred = (state.preferred + 1) % max(controllers.count, 1) }
                let isRejection = (error as? ClientError)?.isRejection ?? false
                defer {
                    state.isUnheard = true
                    state.isRejected = state.isRejected || isRejection
                }
                return !state.isUnheard || isRejection && !state.isRejected
            }
            if isNew { logger.warning("no leader takes reports", metadata: ["error": "\(error)"]) }
            throw error
        }
    }

    private func tryEach(_ report: NodeReport) async throws -> ReportAnswer {
        var failure: any Error = ExecutorError("no controller is configured")
        let first = state.withLock { $0.preferred }
        for offset in controllers.indices {
            let index = (first + offset) % controllers.count
            do {
                let answer = try await client.report(report, to: controllers[index])
                state.withLock { $0.preferred = index }
                return answer
            } catch let error as ClientError {
                // That one does not lead says less than that one lets nobody in.
                if (failure as? ClientError)?.isRejection != true { failure = error }
            }
        }
        throw failure
    }
}

extension ClientError {
    /// Nobody is let in by what was shown.
    var isRejection: Bool { if case .status(401, _) = code { true } else { false } }
}
