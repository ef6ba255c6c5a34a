import ApusEngine
import ApusModel
import ApusStore
import HashTreeCollections
import Logging
import Synchronization

/// The one consumer of the inbox: *step, commit, release*, again and again, as `Turn` orders it.
struct LeaderLoop {
    /// A commit that takes longer no longer holds up soft input.
    private static let slowCommit: Duration = .seconds(1)
    private static let firstRetry: Duration = .milliseconds(100)
    private static let longestRetry: Duration = .seconds(1)

    /// Why a loop came to its end.
    enum Ending {
        /// The inbox was stopped, or the term is over.
        case over
        /// An executor has obeyed that epoch.
        case overtaken(Epoch)
    }

    private let term: Term
    private var turn: Turn
    private var nudges: AsyncStream<Void>.Iterator?
    private var isStopping = false
    /// An executor has obeyed it, and it is greater than this leader's.
    private var epochMet: Epoch?
    /// Why the last try to store something failed; empty when it did not.
    private var storeTrouble = "" {
        didSet { if storeTrouble != oldValue { controller.numbers.storeIsTroubled(by: storeTrouble) } }
    }
    /// What was counted already.
    private var counted = Tally()
    private var trail: AuditTrail
    /// What the engine goes by.
    private var retention: Retention
    private let outboxes: Outboxes
    private let controller: Controller

    private var inbox: Inbox { controller.inbox }
    private var logger: Logger { controller.logger }

    init(turn: Turn, under term: Term, controller: Controller, outboxes: Outboxes) {
        self.turn = turn
        self.term = term
        self.controller = controller
        self.outboxes = outboxes
        trail = AuditTrail(host: controller.settings.hostname)
        retention = controller.settings.engine.retention
    }

    /// Runs until the inbox is stopped, the term is over, or an executor turns out to have obeyed a greater epoch.
    ///
    /// - Throws: `ControllerError` if another leader took over, or what was decided cannot be stored by any repetition.
    mutating func run() async throws -> Ending {
        tell(leadership: .leadershipAcquired)
        defer {
            tell(leadership: .leadershipLost)
            controller.events.end()
        }
        // What troubled an earlier term is over.
        controller.numbers.storeIsTroubled(by: storeTrouble)
        controller.published.publish(turn.committed, under: term)
        outboxes.begin(under: term)
        nudges = inbox.open().makeAsyncIterator()
        controller.pulse.begin(patience: patience)
        defer { controller.pulse.rest() }
        while epochMet == nil, await nudged() {
            repeat {
                try await oneTurn()
                if turn.pending == nil { await export() }
                // What is not taken any more may be asked of the next leader.
            } while !isStopping && holds && epochMet == nil && (turn.hasWork || inbox.hasInput)
        }
        return epochMet.map { .overtaken($0) } ?? .over
    }

    /// Whether its term lasts.
    private var holds: Bool { term.isValid(at: controller.time().now) }

    /// Within this the loop comes round, or it hangs.
    private var patience: Duration { Pulse.patience(session: term.session) }

    private mutating func nudged() async -> Bool {
        if await nudges?.next(isolation: #isolation) == nil || !holds { isStopping = true }
        if isStopping { controller.pulse.rest() } else { controller.pulse.comesRound() }
        controller.crash?.reached(.hang)
        return !isStopping
    }

    /// What one takes who waits for it has the time it takes.
    private func export() async {
        controller.pulse.rest()
        await controller.exports.serve()
        controller.pulse.begin(patience: patience)
    }

    private mutating func oneTurn() async throws {
        controller.pulse.comesRound()
        let before = turn.committed
        takeInput()
        var step = turn.close(at: controller.time())
        while case .commit(let batch) = step {
            guard try await commit(batch) else { return }
            step = turn.stored()
        }
        controller.published.publish(turn.committed, under: term)
        // Before the answers: whoever is told that something was done finds it told.
        tell(turn.committed.events(since: before, turn.changes, leader: controller.settings.hostname))
        if case .release(let effects) = step {
            audit(effects, since: before)
            release(effects)
        }
        let tally = turn.engine.tally
        controller.numbers.turned(tally.since(counted))
        counted = tally
    }

    /// Before the answers too, so that a change stands before what came of it.
    private mutating func audit(_ effects: [Effect], since before: ClusterState) {
        let begun = turn.changes.begun
        let answers = effects.compactMap { effect -> AnsweredCommand? in
            guard case .answer(let request, let outcome) = effect else { return nil }
            return inbox.takeAsked(request).map { AnsweredCommand(asked: $0, outcome: outcome, begun: begun[request]) }
        }
        let (state, wall) = (turn.committed, controller.time().wall)
        let decisions = state.decisions(since: before, turn.changes)
        controller.audit.append(trail.entries(of: answers, decisions, in: state, at: wall))
    }

    private func tell(leadership kind: ClusterEvent.Kind) {
        controller.audit.append([trail.leadership(kind, of: turn.committed, at: controller.time().wall)])
        tell([ClusterEvent(kind, .members(["HOSTNAME": .string(controller.settings.hostname)]))])
    }

    private func tell(_ events: [ClusterEvent]) {
        guard !events.isEmpty else { return }
        controller.events.append(events)
        controller.numbers.told(events)
    }

    /// Tells the engine what came in; while a batch is in doubt this answers at once.
    private mutating func takeInput() {
        let times = controller.time()
        release(turn.take(.tick, at: times))
        if let wanted = controller.settings.keeping?().retention, wanted != retention {
            retention = wanted
            release(turn.take(.keep(wanted), at: times))
        }
        for input in inbox.drain() { release(turn.take(input, at: times)) }
        inbox.expire(at: times.now, because: storeTrouble)
    }

    // MARK: commit

    /// Repeats the batch until its outcome is known.
    ///
    /// - Returns: `false` if the controller is to stop before that.
    private mutating func commit(_ batch: Batch) async throws -> Bool {
        var wait = Self.firstRetry
        while true {
            controller.crash?.reached(.beforeCommit)
            let began = controller.time().now
            switch await attempt(batch) {
            case .success:
                controller.numbers.committed(in: controller.time().now - began)
                controller.crash?.reached(.afterCommit)
                storeTrouble = ""
                return true
            case .failure(.fenced(let epoch)):
                throw ControllerError(
                    description: "Another leader has taken over with epoch \(epoch); this one (\(batch.epoch)) ends."
                )
            case .failure(.tooLarge(let what, let size, let limit)):
                throw ControllerError(
                    description: "The \(what) has \(size) bytes and can never be stored (at most \(limit)): a bug."
                )
            case .failure(let error):
                storeTrouble = "\(error)"
                logger.warning("the store does not take the turn; trying again", metadata: ["error": "\(error)"])
            }
            guard await pause(for: wait) else {
                logger.warning("stopped with a turn in doubt", metadata: ["writes": "\(batch.writes.count)"])
                return false
            }
            wait = min(wait * 2, Self.longestRetry)
        }
    }

    /// One try; when it takes long, input is taken meanwhile.
    private mutating func attempt(_ batch: Batch) async -> Result<Void, StoreError> {
        let outcome = Outcome()
        let (store, inbox) = (controller.store, inbox)
        let slow = controller.time().now + Self.slowCommit
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do throws(StoreError) {
                    try await store.commit(batch)
                    outcome.set(.success(()))
                } catch {
                    outcome.set(.failure(error))
                }
                inbox.nudge()
            }
            while outcome.value == nil, await nudged() {
                if controller.time().now >= slow { takeInput() }
            }
            await group.waitForAll()
            return outcome.value ?? .failure(.unavailable(reason: "the commit ended without an outcome"))
        }
    }

    /// Waits, and takes input meanwhile.
    ///
    /// - Returns: `false` if the controller is to stop.
    private mutating func pause(for span: Duration) async -> Bool {
        let end = controller.time().now + span
        while controller.time().now < end {
            guard await nudged() else { return false }
            takeInput()
        }
        return true
    }

    /// How a commit ended, set by the task that runs it.
    private final class Outcome: Sendable {
        private let result = Mutex<Result<Void, StoreError>?>(nil)
        var value: Result<Void, StoreError>? { result.withLock { $0 } }
        func set(_ value: Result<Void, StoreError>) { result.withLock { $0 = value } }
    }

    // MARK: release

    /// Nothing leaves without a valid lease; whoever waits is told when the term has ended.
    private mutating func release(_ effects: [Effect]) {
        guard !effects.isEmpty, holds else { return }
        for effect in effects {
            switch effect {
            case .answer(let request, .unavailable(let reason)) where !storeTrouble.isEmpty:
                inbox.answer(request, .unavailable("\(reason) (\(storeTrouble))"))
            case .answer(let request, let outcome): inbox.answer(request, outcome)
            case .reply(let request, let answer): inbox.answer(request, answer)
            case .raiseEpoch(let met): epochMet = met
            case .probe(let probe): controller.probes.hand(probe)
            case .askStandbys: controller.inquiry.ask()
            case .handOver(let successor):
                term.resign(to: successor)
                return
            case .note(let text): logger.info("\(text)")
            case .send(let executor, let command):
                guard let member = turn.committed.members[executor] else { continue }
                outboxes.hand(command, to: member.baseURL)
            }
        }
    }
}
