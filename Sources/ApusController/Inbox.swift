package import ApusEngine
package import ApusModel
import OrderedCollections
import Synchronization

/// What waits to be told to the engine, bounded by kind, and who waits for its answers.
///
/// Commands beyond their bound are refused; reports coalesce to the latest of each run of an executor; outcomes of
/// sends are as many as the outboxes let out.
package final class Inbox: Sendable {
    /// Commands that may wait for an answer at a time.
    package static let mostCommands = 256
    /// Executors whose reports may wait at a time.
    package static let mostReports = 4096
    /// How long a caller waits for an answer.
    package static let patience: Duration = .seconds(10)

    /// What became of a request.
    package enum Reply<Value: Sendable>: Sendable {
        case answer(Value)
        /// Too many wait already.
        case busy
        /// Nobody can decide now, and nothing was changed; the reason says why.
        case unavailable(String)
        /// It may be carried out, and nobody knows here; the text says so.
        case inDoubt(String)
    }

    private enum Waiter {
        case command(CheckedContinuation<Reply<CommandOutcome>, Never>)
        case report([CheckedContinuation<Reply<ReportAnswer>, Never>])

        func resume(unavailable reason: String) {
            switch self {
            case .command(let continuation): continuation.resume(returning: .unavailable(reason))
            case .report(let continuations):
                for continuation in continuations { continuation.resume(returning: .unavailable(reason)) }
            }
        }

        func resume(inDoubt text: String) {
            switch self {
            case .command(let continuation): continuation.resume(returning: .inDoubt(text))
            // It is sent again in any case.
            case .report: resume(unavailable: text)
            }
        }
    }

    private struct Waiting {
        var since: Moment
        var waiter: Waiter
    }

    private struct WaitingReport {
        var request: RequestID
        var report: NodeReport
        var isListed: Bool
        var source: String?
    }

    private struct State {
        var lastRequest: RequestID = 0
        /// Why nothing is taken; `nil` while the loop runs.
        var closed: String? = "the controller is starting"
        var isStopped = false
        /// Wakes the loop because something came, or time passed.
        var nudging: AsyncStream<Void>.Continuation?
        var commands: [(RequestID, Command)] = []
        /// Who made the requests that are not noted yet, nor answered: their callers may have given up.
        var asked: [RequestID: AskedCommand] = [:]
        var reports: OrderedDictionary<NodeIdentity, WaitingReport> = [:]
        var outcomes: [Input] = []
        var waiting: [RequestID: Waiting] = [:]
        var commandsWaiting = 0
    }

    private let state = Mutex(State())
    private let time: TimeSource

    package init(time: TimeSource) { self.time = time }

    // MARK: from outside

    /// Hands in a request for change and waits for its answer; without an `actor` it is not audited.
    package func submit(_ command: Command, by actor: AuditActor? = nil) async -> Reply<CommandOutcome> {
        await withCheckedContinuation { continuation in
            let refusal: Reply<CommandOutcome>? = state.withLock { state in
                if let reason = state.closed { return .unavailable(reason) }
                guard state.commandsWaiting < Self.mostCommands else { return .busy }
                state.lastRequest += 1
                state.commands.append((state.lastRequest, command))
                if let actor { state.asked[state.lastRequest] = AskedCommand(command: command, actor: actor) }
                state.commandsWaiting += 1
                state.waiting[state.lastRequest] = Waiting(since: time().now, waiter: .command(continuation))
                return nil
            }
            if let refusal { continuation.resume(returning: refusal) } else { nudge() }
        }
    }

    /// Hands in a report and waits for its answer.
    ///
    /// One that waits from the same run of the same executor is replaced by the later revision, and both callers get
    /// the same answer. One that is not listed is heard if it is a member already; `source` is the address it came from.
    package func submit(
        _ report: NodeReport,
        isListed: Bool = true,
        from source: String? = nil
    ) async -> Reply<ReportAnswer> {
        await withCheckedContinuation { continuation in
            let refusal: Reply<ReportAnswer>? = state.withLock { state in
                if let reason = state.closed { return .unavailable(reason) }
                let new = WaitingReport(request: 0, report: report, isListed: isListed, source: source)
                return Self.enqueue(new, continuation, at: time().now, in: &state)
            }
            if let refusal { continuation.resume(returning: refusal) } else { nudge() }
        }
    }

    private static func enqueue(
        _ report: WaitingReport,
        _ continuation: CheckedContinuation<Reply<ReportAnswer>, Never>,
        at now: Moment,
        in state: inout State
    ) -> Reply<ReportAnswer>? {
        var new = report
        let identity = new.report.identity
        if let earlier = state.reports[identity], case .report(let others)? = state.waiting[earlier.request]?.waiter {
            new.request = earlier.request
            if new.report.revision >= earlier.report.revision { state.reports[identity] = new }
            state.waiting[new.request]?.waiter = .report(others + [continuation])
            return nil
        }
        guard state.reports.count < Self.mostReports else { return .busy }
        state.lastRequest += 1
        new.request = state.lastRequest
        state.reports[identity] = new
        state.waiting[new.request] = Waiting(since: now, waiter: .report([continuation]))
        return nil
    }

    /// Takes the outcome of a send.
    func take(outcome: Input) {
        state.withLock { state in
            guard state.closed == nil else { return }
            state.outcomes.append(outcome)
        }
        nudge()
    }

    // MARK: for the loop

    /// How many callers wait for an answer.
    package var callers: Int {
        state.withLock { state in
            state.waiting.values.reduce(0) { sum, waiting in
                if case .report(let callers) = waiting.waiter { sum + callers.count } else { sum + 1 }
            }
        }
    }

    func nudge() { state.withLock(\.nudging)?.yield() }

    /// From now on requests are taken, for one loop.
    ///
    /// - Returns: what wakes that loop; it ends with the loop's task, or when the inbox is stopped.
    @discardableResult
    package func open() -> AsyncStream<Void> {
        let (nudges, nudging) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let isStopped = state.withLock { state in
            state.closed = nil
            state.nudging = nudging
            return state.isStopped
        }
        if isStopped { nudging.finish() }
        return nudges
    }

    /// The loop ends after the turn that it is in, and so does every later one.
    func stop() {
        let nudging = state.withLock { state in
            state.isStopped = true
            return state.nudging
        }
        nudging?.finish()
    }

    var isStopped: Bool { state.withLock(\.isStopped) }

    var hasInput: Bool {
        state.withLock { !$0.commands.isEmpty || !$0.reports.isEmpty || !$0.outcomes.isEmpty }
    }

    /// All that waits to be told to the engine, which is the caller's now; those who wait for answers stay.
    package func drain() -> [Input] {
        state.withLock { state in
            var inputs = state.outcomes
            inputs += state.reports.values.map {
                .report($0.request, $0.report, isListed: $0.isListed, source: $0.source)
            }
            inputs += state.commands.map { .command($0.0, $0.1) }
            state.outcomes = []
            state.reports = [:]
            state.commands = []
            return inputs
        }
    }

    /// Who made a request that is about to be answered; asked once, by whoever notes it.
    func takeAsked(_ request: RequestID) -> AskedCommand? { state.withLock { $0.asked.removeValue(forKey: request) } }

    /// Gives the caller of a command its answer; one who has given up gets none.
    package func answer(_ request: RequestID, _ outcome: CommandOutcome) {
        state.withLock { $0.asked[request] = nil }
        guard case .command(let continuation)? = remove(request) else { return }
        continuation.resume(returning: .answer(outcome))
    }

    /// Gives all callers of a report their answer.
    package func answer(_ request: RequestID, _ answer: ReportAnswer) {
        guard case .report(let continuations)? = remove(request) else { return }
        for continuation in continuations { continuation.resume(returning: .answer(answer)) }
    }

    private func remove(_ request: RequestID) -> Waiter? { state.withLock { Self.remove(request, in: &$0) } }

    private static func remove(_ request: RequestID, in state: inout State) -> Waiter? {
        let waiter = state.waiting.removeValue(forKey: request)?.waiter
        if case .command? = waiter { state.commandsWaiting -= 1 }
        return waiter
    }

    /// Tells those who waited too long so; what they asked for may still be decided.
    ///
    /// `trouble` is what the store says; empty if it says nothing.
    package func expire(at now: Moment, because trouble: String = "") {
        let late = state.withLock { state in
            let requests = state.waiting.filter { now - $0.value.since >= Self.patience }.keys.sorted()
            return requests.compactMap { Self.remove($0, in: &state) }
        }
        for waiter in late {
            waiter.resume(
                inDoubt: """
                    The store has not answered for \(Self.patience.components.seconds) seconds. Whether this was \
                    accepted is not known yet: look before you try again.\(trouble.isEmpty ? "" : " (\(trouble))")
                    """
            )
        }
    }

    /// Takes nothing until it is opened again, and tells everyone who waits why.
    ///
    /// Only what the loop has not taken was surely not carried out; of all else a batch may be on its way to the store.
    ///
    /// - Returns: what is in doubt, in order.
    @discardableResult
    package func close(_ reason: String) -> [AskedCommand] {
        let (waiting, untaken, asked) = state.withLock { state in
            let waiting = state.waiting.sorted { $0.key < $1.key }
            let untaken = Set(state.commands.map(\.0))
            let asked = state.asked.sorted { $0.key < $1.key }
            var empty = State()
            // What is answered late is never taken for another request's.
            empty.lastRequest = state.lastRequest
            empty.isStopped = state.isStopped
            empty.closed = reason
            state = empty
            return (waiting, untaken, asked)
        }
        for (request, waiting) in waiting {
            if case .command = waiting.waiter, !untaken.contains(request) {
                waiting.waiter.resume(
                    inDoubt: "Whether this was accepted is not known, for \(reason): look before you try again"
                )
            } else {
                waiting.waiter.resume(unavailable: reason)
            }
        }
        return asked.filter { !untaken.contains($0.key) }.map(\.value)
    }
}
