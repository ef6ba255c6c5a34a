import ApusEngine
package import ApusModel
package import ApusStore
package import Logging
import OrderedCollections
import Synchronization

/// One queue and one sender for each executor: order is kept, and to hand over never waits.
///
/// Of each instance only the latest command waits, so an executor that does not answer for a while finds no copies of
/// the same START behind each other, and nothing that is long decided otherwise.
package final class Outboxes: Sendable {
    /// Commands that may wait for one executor.
    static let mostWaiting = 1024

    private struct Queue {
        var letters: OrderedDictionary<InstanceID, Letter> = [:]
        /// Wakes the queue's sender.
        var bell: AsyncStream<Void>.Continuation
    }

    private struct State {
        /// Under which commands leave; `nil` while none do.
        var term: Term?
        var queues: [ExecutorID: Queue] = [:]
        var fittings = Fittings()
    }

    private let state = Mutex(State())
    /// New queues, for `run` to give each its sender; there are as many as members.
    private let fresh = AsyncStream.makeStream(
        of: (executor: ExecutorID, bell: AsyncStream<Void>).self,
        bufferingPolicy: .unbounded
    )
    /// Whose files are to be fetched; there are as many as fittings.
    private let lacking = AsyncStream.makeStream(
        of: (instance: InstanceID, workload: Workload).self,
        bufferingPolicy: .unbounded
    )
    let outfit: Outfit
    private let inbox: Inbox
    private let time: TimeSource
    private let send: Controller.Send
    private let crash: CrashPoint?
    private let logger: Logger

    package init(
        inbox: Inbox,
        outfit: Outfit,
        time: TimeSource,
        send: @escaping Controller.Send,
        crash: CrashPoint? = nil,
        logger: Logger
    ) {
        self.inbox = inbox
        self.time = time
        self.outfit = outfit
        self.send = send
        self.crash = crash
        self.logger = logger
    }

    /// Queues a command in place of one of the same instance that still waits; if the queue is full it counts as not
    /// sent.
    ///
    /// One that needs something fetched first does not hold up the others: it comes in when that is there, unless
    /// something else was handed in for its instance meanwhile.
    package func hand(_ command: NodeCommand, to url: String) {
        let letter = Letter(command: command, url: url)
        let left = state.withLock { state -> Letter? in
            switch state.fittings.take(letter, at: .now) {
            case .leaves(let letter): return enqueue(letter, in: &state) ? nil : letter
            case .fetches(let instance, let workload):
                lacking.continuation.yield((instance, workload))
                return nil
            case .stays: return nil
            }
        }
        if let left { tellNoRoom(for: left) }
    }

    /// From now on commands leave, while that term holds.
    package func begin(under term: Term) { state.withLock { $0.term = term } }

    /// Forgets what waits: its leader leads no more.
    func end() {
        state.withLock { state in
            state.term = nil
            for executor in state.queues.keys { state.queues[executor]?.letters = [:] }
            state.fittings = Fittings()
        }
    }

    /// `false` if the queue is full.
    private func enqueue(_ letter: Letter, in state: inout State) -> Bool {
        let command = letter.command
        var queue = state.queues[command.executor] ?? makeQueue(for: command.executor)
        if let waiting = queue.letters[command.instance], waiting.command.fence > command.fence { return true }
        // Its sequence is greater than all that wait, unless its files were fetched first; so it goes to the end.
        queue.letters[command.instance] = nil
        let hasRoom = queue.letters.count < Self.mostWaiting
        if hasRoom { queue.letters[command.instance] = letter }
        state.queues[command.executor] = queue
        queue.bell.yield()
        return hasRoom
    }

    private func tellNoRoom(for letter: Letter) {
        let reason = "\(Self.mostWaiting) commands wait for it already"
        inbox.take(outcome: .sendFailed(letter.command.executor, letter.command, reason: reason))
    }

    private func makeQueue(for executor: ExecutorID) -> Queue {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        fresh.continuation.yield((executor, rings))
        return Queue(bell: bell)
    }

    private func next(for executor: ExecutorID) -> Letter? {
        state.withLock { state in
            guard let first = state.queues[executor]?.letters.keys.first else { return nil }
            return state.queues[executor]?.letters.removeValue(forKey: first)
        }
    }

    /// Runs the senders until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.outfit.run() }
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

    // MARK: files

    /// Each waits for its own: a server that hangs holds up nobody who asks another.
    private func fetch() async {
        await withDiscardingTaskGroup { group in
            for await (instance, workload) in lacking.stream {
                group.addTask { await self.fetch(workload, for: instance) }
            }
        }
    }

    private func fetch(_ workload: Workload, for instance: InstanceID) async {
        do {
            let filled = try await outfit.filled(workload)
            let left = state.withLock { state -> Letter? in
                guard let letter = state.fittings.fetched(filled, for: instance, at: .now) else { return nil }
                return enqueue(letter, in: &state) ? nil : letter
            }
            if let left { tellNoRoom(for: left) }
        } catch is CancellationError {
            // Nobody is sent anything any more.
            return
        } catch {
            guard let letter = state.withLock({ $0.fittings.failed(for: instance) }) else { return }
            let answer = CommandAnswer.refused(.configUnavailable, reason: "\(error)")
            inbox.take(outcome: .answered(letter.command.executor, letter.command, answer))
        }
    }

    // MARK: sending

    private var term: Term? { state.withLock(\.term) }

    private func deliver(_ letter: Letter) async {
        let command = letter.command
        // No command leaves without a valid lease.
        guard let term, term.isValid(at: time().now) else { return }
        do {
            let signed = try await outfit.signed(command)
            guard term.isValid(at: time().now) else { return }
            let answer = try await send(signed, letter.url)
            crash?.reached(.afterSend)
            guard self.term === term else { return }
            if !answer.isAskedAgain { state.withLock { $0.fittings.drop(command.instance) } }
            inbox.take(outcome: .answered(command.executor, command, answer))
        } catch {
            logger.debug(
                "command not delivered",
                metadata: [
                    "executor.id": "\(command.executor)", "instance.id": "\(command.instance)", "error": "\(error)",
                ]
            )
            guard self.term === term else { return }
            inbox.take(outcome: .sendFailed(command.executor, command, reason: "\(error)"))
        }
    }
}

extension CommandAnswer {
    /// The same is sent again under a later fence.
    fileprivate var isAskedAgain: Bool {
        switch self {
        case .refused(.staleFence, _), .refused(.wrongCluster, _), .refused(.wrongExecutor, _): true
        case .accepted, .refused: false
        }
    }
}

extension Member {
    /// Where its messages go.
    var baseURL: String { "\(transport == .https ? "https" : "http")://\(hostname):\(port)" }
}
