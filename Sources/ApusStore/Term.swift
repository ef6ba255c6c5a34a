package import ApusModel
import Synchronization

/// One leadership, from its election to its end.
package final class Term: Sendable {
    /// The epoch that it began with; whoever raises it further does so in the same term.
    package let epoch: Epoch
    /// The session that it hangs on; nothing acknowledged in another one renews it.
    let generation: Int
    private let lease: Mutex<Lease>
    private let end = Once<TermEnd>()

    package init(epoch: Epoch, lease: Lease, generation: Int = 0) {
        self.epoch = epoch
        self.generation = generation
        self.lease = Mutex(lease)
    }

    /// Nobody else leads at that moment: what was decided may leave, what was answered is true.
    package func isValid(at now: Moment) -> Bool { end.value == nil && lease.withLock { $0.isValid(at: now) } }

    /// When the lease lapses unless something is acknowledged before.
    package var leaseEnd: Moment { lease.withLock { $0.end } }

    /// The session that the lease is of; zero if it never lapses.
    package var session: Duration { lease.withLock { $0.session } }

    /// Waits for the end of the term, and says why it ended; `nil` if the task is cancelled first.
    package func ended() async -> TermEnd? { await end.wait() }

    /// Gives the leadership up, to the controller of that id if it is there; from its return on nothing is valid.
    ///
    /// - Returns: whether this was its end; `false` if it was over already.
    @discardableResult
    package func resign(to successor: String? = nil) -> Bool { end.happen(.resigned(to: successor)) }

    /// Whom it was given up to, if anybody was named.
    package var successor: String? { if case .resigned(let successor)? = reason { successor } else { nil } }

    /// Why it is over; `nil` while it is not.
    package var reason: TermEnd? { end.value }

    // MARK: for the conformers

    func finish(_ reason: TermEnd) { end.happen(reason) }

    func acknowledged(sent: Moment, at now: Moment, generation: Int) {
        guard generation == self.generation else { return }
        lease.withLock { $0.renew(sent: sent, acknowledged: now) }
        lapse(at: now)
    }

    /// Ends the term if its lease is over by now.
    func lapse(at now: Moment) {
        if !lease.withLock({ $0.isValid(at: now) }) { end.happen(.leaseLapsed) }
    }
}

extension Term {
    /// Runs `body` until it ends, or the term does, beside what keeps the term up.
    ///
    /// - Throws: what `body` throws.
    package func run(
        _ body: @escaping @Sendable (Term) async throws -> Void,
        beside keepers: [@Sendable () async -> Void] = []
    ) async throws -> TermEnd {
        let outcome = await withTaskGroup(of: Result<Void, any Error>?.self) { group in
            for keeper in keepers {
                group.addTask {
                    await keeper()
                    return nil
                }
            }
            group.addTask { [self] in
                _ = await ended()
                return nil
            }
            group.addTask { [self] in
                do {
                    try await body(self)
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            var outcome: Result<Void, any Error>?
            for await ended in group {
                outcome = outcome ?? ended
                if outcome != nil || reason != nil || Task.isCancelled { group.cancelAll() }
            }
            return outcome
        }
        let end = reason
        finish(.resigned(to: nil))
        // What a body throws that was cancelled at the end of its term is nobody's concern.
        if end == nil, case .failure(let error)? = outcome { throw error }
        return end ?? .resigned(to: nil)
    }
}
