import ApusClient
import ApusEngine
import ApusModel
import Logging
import Synchronization

/// One bounded queue and one sender for each executor: order is kept, and to hand over never waits.
final class Outboxes: Sendable {
    /// Commands that may wait for one executor.
    static let mostWaiting = 1024

    private struct Letter: Sendable {
        var command: NodeCommand
        /// The executor's base URL.
        var url: String
    }

    private let queues = Mutex<[ExecutorID: AsyncStream<Letter>.Continuation]>([:])
    /// New queues, for `run` to give each its sender; there are as many as members.
    private let fresh = AsyncStream.makeStream(of: AsyncStream<Letter>.self, bufferingPolicy: .unbounded)
    private let inbox: Inbox
    private let send: Controller.Send
    private let crash: CrashPoint?
    private let logger: Logger

    init(inbox: Inbox, send: @escaping Controller.Send, crash: CrashPoint?, logger: Logger) {
        self.inbox = inbox
        self.send = send
        self.crash = crash
        self.logger = logger
    }

    /// Queues a command; if the queue is full it counts as not sent.
    func hand(_ command: NodeCommand, to url: String) {
        let result = queue(of: command.executor).yield(Letter(command: command, url: url))
        guard case .enqueued = result else {
            inbox.take(
                outcome: .sendFailed(
                    command.executor,
                    command,
                    reason: "\(Self.mostWaiting) commands wait for it already"
                )
            )
            return
        }
    }

    private func queue(of executor: ExecutorID) -> AsyncStream<Letter>.Continuation {
        queues.withLock { queues in
            if let queue = queues[executor] { return queue }
            let (letters, queue) = AsyncStream.makeStream(
                of: Letter.self,
                bufferingPolicy: .bufferingOldest(Self.mostWaiting)
            )
            queues[executor] = queue
            fresh.continuation.yield(letters)
            return queue
        }
    }

    /// Runs the senders until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await letters in fresh.stream {
                group.addTask {
                    for await letter in letters { await self.deliver(letter) }
                }
            }
        }
    }

    private func deliver(_ letter: Letter) async {
        let command = letter.command
        do {
            let answer = try await send(command, letter.url)
            crash?.reached(.afterSend)
            inbox.take(outcome: .answered(command.executor, command, answer))
        } catch {
            logger.debug(
                "command not delivered",
                metadata: [
                    "executor.id": "\(command.executor)", "instance.id": "\(command.instance)", "error": "\(error)",
                ]
            )
            inbox.take(outcome: .sendFailed(command.executor, command, reason: "\(error)"))
        }
    }
}

extension Member {
    /// Where its messages go.
    var baseURL: String { "\(transport == .https ? "https" : "http")://\(hostname):\(port)" }
}
