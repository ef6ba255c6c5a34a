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
        /// Those that there were at the last report.
        var controllers: [String] = []
        /// The one of them that is tried first: the last that took a report, or of a new list the first.
        var preferred = 0
        var isUnheard = false
        /// The log has been told that nobody lets it in.
        var isRejected = false
    }

    private let controllers: @Sendable () -> [String]
    private let logger: Logger
    private let client: NodeClient
    private let state = Mutex(State())

    /// `controllers` are asked for with each report.
    init(controllers: @escaping @Sendable () -> [String], as caller: Caller, logger: Logger) {
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
                if error is DeadlinePassed {
                    state.preferred = (state.preferred + 1) % max(state.controllers.count, 1)
                }
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
        var failure: any Error = ExecutorError("no controller is known")
        let controllers = controllers()
        let first = state.withLock { state in
            if state.controllers != controllers { (state.controllers, state.preferred) = (controllers, 0) }
            return state.preferred
        }
        for offset in controllers.indices {
            let index = (first + offset) % controllers.count
            do {
                let answer = try await client.report(report, to: controllers[index])
                state.withLock { if $0.controllers == controllers { $0.preferred = index } }
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
