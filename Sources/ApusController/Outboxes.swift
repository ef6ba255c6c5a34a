import ApusClient
import ApusEngine
import ApusModel
import Logging
import OrderedCollections
import Synchronization

/// One queue and one sender for each executor: order is kept, and to hand over never waits.
///
/// Of each instance only the latest command waits, so an executor that does not answer for a while finds no copies of
/// the same START behind each other, and nothing that is long decided otherwise.
final class Outboxes: Sendable {
    /// Commands that may wait for one executor.
    static let mostWaiting = 1024
    /// Files that are fetched at once.
    private static let mostFetches = 16

    private struct Letter: Sendable {
        var command: NodeCommand
        /// The executor's base URL.
        var url: String
    }

    private struct Queue {
        var letters: OrderedDictionary<InstanceID, Letter> = [:]
        /// Wakes the queue's sender.
        var bell: AsyncStream<Void>.Continuation
    }

    private let queues = Mutex<[ExecutorID: Queue]>([:])
    /// New queues, for `run` to give each its sender; there are as many as members.
    private let fresh = AsyncStream.makeStream(
        of: (executor: ExecutorID, bell: AsyncStream<Void>).self,
        bufferingPolicy: .unbounded
    )
    /// Commands for which something is to be fetched first; what does not fit is sent again by its timer.
    private let incomplete = AsyncStream.makeStream(of: Letter.self, bufferingPolicy: .bufferingNewest(mostWaiting))
    let outfit: Outfit
    private let inbox: Inbox
    private let send: Controller.Send
    private let crash: CrashPoint?
    private let logger: Logger

    init(inbox: Inbox, outfit: Outfit, send: @escaping Controller.Send, crash: CrashPoint?, logger: Logger) {
        self.inbox = inbox
        self.outfit = outfit
        self.send = send
        self.crash = crash
        self.logger = logger
    }

    /// Queues a command in place of one of the same instance that still waits; if the queue is full it counts as not
    /// sent.
    ///
    /// One that needs something fetched first does not hold up the others: it comes in when that is there, and if it is
    /// too late then, its repetition is not.
    func hand(_ command: NodeCommand, to url: String) {
        let letter = Letter(command: command, url: url)
        guard outfit.isComplete(command) else {
            incomplete.continuation.yield(letter)
            return
        }
        enqueue(letter)
    }

    private func enqueue(_ letter: Letter) {
        let command = letter.command
        let isQueued = queues.withLock { queues in
            var queue = queues[command.executor] ?? makeQueue(for: command.executor)
            if let waiting = queue.letters[command.instance], waiting.command.fence > command.fence { return true }
            // Its sequence is greater than all that wait, so it goes to the end.
            queue.letters[command.instance] = nil
            let hasRoom = queue.letters.count < Self.mostWaiting
            if hasRoom { queue.letters[command.instance] = letter }
            queues[command.executor] = queue
            queue.bell.yield()
            return hasRoom
        }
        guard !isQueued else { return }
        let reason = "\(Self.mostWaiting) commands wait for it already"
        inbox.take(outcome: .sendFailed(command.executor, command, reason: reason))
    }

    private func makeQueue(for executor: ExecutorID) -> Queue {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        fresh.continuation.yield((executor, rings))
        return Queue(bell: bell)
    }

    private func next(for executor: ExecutorID) -> Letter? {
        queues.withLock { queues in
            guard let first = queues[executor]?.letters.keys.first else { return nil }
            return queues[executor]?.letters.removeValue(forKey: first)
        }
    }

    /// Runs the senders until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.fetch() }
            for await (executor, bell) in fresh.stream {
                group.addTask {
                    for await _ in bell {
                        while !Task.isCancelled, let letter = self.next(for: executor) { await self.deliver(letter) }
                    }
                }
            }
        }
    }

    /// Completes commands, a bounded number at a time.
    private func fetch() async {
        await withTaskGroup(of: Void.self) { group in
            var underWay = 0
            for await letter in incomplete.stream {
                if underWay == Self.mostFetches {
                    await group.next()
                    underWay -= 1
                }
                underWay += 1
                group.addTask { await self.fetch(for: letter) }
            }
        }
    }

    private func fetch(for letter: Letter) async {
        do {
            try await outfit.fetch(for: letter.command)
        } catch {
            // Cancelled: what cannot be fetched is told when the command is to leave.
            return
        }
        enqueue(letter)
    }

    private func deliver(_ letter: Letter) async {
        let command = letter.command
        do {
            guard let complete = try await outfit.complete(command) else { return hand(command, to: letter.url) }
            let answer = try await send(complete, letter.url)
            crash?.reached(.afterSend)
            inbox.take(outcome: .answered(command.executor, command, answer))
        } catch let failure as FetchFailure {
            let answer = CommandAnswer.refused(.configUnavailable, reason: failure.description)
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
