import ApusAgent
package import ApusModel
import Synchronization

/// Brings commands to the agent and its answers back to those who wait for them.
package final class CommandDesk: Sendable {
    /// What becomes of a command.
    package enum Reply: Hashable, Sendable {
        case answered(CommandAnswer)
        /// The journal cannot be written, so nobody knows whether the command will count.
        case unrecorded
        /// Too many are under way: it was not taken.
        case busy
        /// There was no answer in time; whether it was taken is not known.
        case late
    }

    private struct State {
        var last: Int64 = 0
        var waiting: [Int64: AsyncStream<CommandAnswer?>.Continuation] = [:]
    }

    private let inbox: Inbox
    private let limit: Int
    private let deadline: Duration
    private let state = Mutex(State())

    package init(inbox: Inbox, limit: Int = 256, deadline: Duration = .seconds(5)) {
        self.inbox = inbox
        self.limit = limit
        self.deadline = deadline
    }

    /// Has the agent decide on a command.
    package func take(_ command: NodeCommand) async -> Reply {
        let (answers, continuation) = AsyncStream<CommandAnswer?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state -> Int64? in
            guard state.waiting.count < limit else { return nil }
            state.last += 1
            state.waiting[state.last] = continuation
            return state.last
        }
        guard let number else { return .busy }
        defer { state.withLock { $0.waiting[number] = nil } }
        guard inbox.offer(.event(.command(command, reply: number))) else { return .busy }
        do {
            let answer = try await within(deadline, doing: "answering a command") {
                for await answer in answers { return answer }
                throw CancellationError()
            }
            return answer.map { .answered($0) } ?? .unrecorded
        } catch {
            return .late
        }
    }

    /// The agent has decided; `nil`: it cannot say what becomes of the command.
    func deliver(_ answer: CommandAnswer?, to reply: Int64) {
        _ = state.withLock { $0.waiting[reply] }?.yield(answer)
    }
}
