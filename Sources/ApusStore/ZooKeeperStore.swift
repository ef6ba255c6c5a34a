package import ApusEngine
package import ApusModel
import Synchronization

/// The store of several controllers: ZooKeeper nodes, one a record.
///
/// A batch is one `multi` that checks `/epoch` at the version that this leadership gave it, so no deposed leader writes;
/// what is acknowledged has reached a majority of the servers. After a connection was lost a commit's outcome is unknown
/// (`unavailable`): repeated, it brings about the same.
package final class ZooKeeperStore: StateStore {
    /// The fence, as this controller set it or found it.
    struct Held: Hashable, Sendable {
        var epoch: Epoch
        var version: Int32
    }

    /// `/turn` as it was found or set last.
    struct TurnMark: Hashable, Sendable {
        var number: Int64
        var version: Int32
        /// Of the node.
        var birth: NodeFacts.Birth
    }

    struct State {
        /// What the tree was of when it was opened for a controller: no other one is led.
        var cluster: String?
        var held: Held?
        /// The last epoch that this controller tried to set: no other leader's.
        var attempted: Epoch?
        var turn: TurnMark?
        /// Nodes that are there, as far as it is known, for `multi` has no "create or set".
        ///
        /// What is wrong here is found out when a batch is refused for it, and mended.
        var present: Set<String> = []
        /// All records: what `follow` or `prepareSnapshot` has read, and what this controller has committed since.
        var mirror: StoreMirror?
        var attendance = Attendance()
        /// Whose lease an acknowledgement renews.
        var term: Term?

        /// Keeps what was acknowledged, if it is what comes next.
        ///
        /// Where it is not, as after a commit in doubt, the mirror stays at its turn, and the log of turns tells what it
        /// lacks.
        mutating func committed(_ writes: [Write], as turn: TurnMark) {
            guard !writes.isEmpty, mirror?.turn == turn.number - 1, mirror?.birth == turn.birth else { return }
            mirror?.apply(StoreChanges(turn: turn.number, birth: turn.birth, isWhole: false, writes: writes))
        }
    }

    /// So many reads are under way at most; each list has its own.
    static let readsAtOnce = 128
    /// How long a follower waits at most after a reading that failed.
    static let longestPause: Duration = .seconds(30)
    /// More refusals of the same batch than that mean that somebody else writes here.
    private static let mostAttempts = 8

    package let session: ZooKeeperSession
    let now: @Sendable () -> Moment
    /// Told what each reading of `follow` took.
    let observe: @Sendable (StoreObservation) -> Void
    let state = Mutex(State())

    /// The store on a session, of which nothing is to be asked before it was opened.
    ///
    /// `now` is the clock of the leases: that by which `Term.isValid` is asked. `observe` is told what each reading of
    /// `follow` took, and must not block.
    package init(
        _ session: ZooKeeperSession,
        now: @escaping @Sendable () -> Moment,
        observe: @escaping @Sendable (StoreObservation) -> Void = { _ in }
    ) {
        self.session = session
        self.now = now
        self.observe = observe
    }

    /// The store on a session, opened.
    ///
    /// - Throws: what `open(within:)` throws.
    package static func open(
        _ session: ZooKeeperSession,
        within limit: Duration = .seconds(30),
        now: @escaping @Sendable () -> Moment
    ) async throws(StoreError) -> ZooKeeperStore {
        let store = ZooKeeperStore(session, now: now)
        try await store.open(within: limit)
        return store
    }

    /// Waits for the servers, and makes what is missing of its foundation, the chroot included; it may be written to then
    /// once an epoch was acquired.
    ///
    /// - Throws: `unavailable` if the servers have not answered within `limit`, `refused` if our nodes are not usable, or
    ///   others may change them.
    package func open(within limit: Duration) async throws(StoreError) {
        try checkPlace()
        let deadline = ContinuousClock.now + limit
        while true {
            try await session.connected(within: max(.zero, deadline - .now))
            do throws(ZooKeeperError) {
                return try await found()
            } catch {
                guard error.kind == .lost, ContinuousClock.now < deadline, !Task.isCancelled else {
                    throw error.firstStoreError
                }
            }
        }
    }

    /// Whether all records are at hand, so that neither whoever takes over nor an export need read them first.
    package var isWarm: Bool { state.withLock { $0.mirror != nil } }

    // MARK: the epoch

    package func acquireEpoch() async throws(StoreError) -> Epoch {
        try await setEpoch { found throws(StoreError) in found + 1 }.epoch
    }

    package func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await setEpoch { found throws(StoreError) in
            guard found == held else { throw fenced(by: found) }
            return max(held, met) + 1
        }.epoch
    }

    package func currentEpoch() async throws(StoreError) -> Epoch { try await readEpoch().epoch }

    /// Sets the epoch to what `next` makes of the one found; only while there is the node of the place in the line of
    /// whoever takes over.
    ///
    /// - Returns: the new epoch, and when the write was sent.
    /// - Throws: what `next` throws, or `unavailable`; of a candidate `refused` or `corrupt` if only a person can mend it.
    func setEpoch(
        whileThereIs candidate: String? = nil,
        _ next: (Epoch) throws(StoreError) -> Epoch
    ) async throws(StoreError) -> (epoch: Epoch, sent: Moment) {
        var condition = candidate.map { [NodeChange.check($0, version: 0)] } ?? []
        // It is written down once and never changed: where it is not, the tree was lost and made anew.
        if state.withLock(\.cluster) != nil { condition.append(.check(ZooKeeperTree.cluster, version: 0)) }
        for _ in 0..<Self.mostAttempts {
            let found = try await readEpoch { $0.storeError(at: candidate) }
            let epoch = try next(found.epoch)
            let change = NodeChange.set(ZooKeeperTree.epoch, Array("\(epoch)".utf8), version: found.version)
            state.withLock { $0.attempted = epoch }
            let (sent, generation) = (now(), session.status.generation)
            do throws(ZooKeeperError) {
                try await session.multi(condition + [change])
            } catch {
                // Another one was quicker.
                if error.kind == .badVersion, error.path == ZooKeeperTree.epoch { continue }
                throw error.storeError(at: candidate)
            }
            state.withLock { state in
                state.held = Held(epoch: epoch, version: found.version &+ 1)
                state.turn = nil
            }
            acknowledged(sent: sent, generation: generation)
            return (epoch, sent)
        }
        throw .unavailable(reason: "others raise the epoch again and again")
    }

    private func readEpoch(
        _ failure: (ZooKeeperError) -> StoreError = { $0.storeError }
    ) async throws(StoreError) -> Held {
        let (number, facts) = try await number(ZooKeeperTree.epoch, failure)
        return Held(epoch: number, version: facts.version)
    }

    /// The number that a node holds.
    func number(
        _ path: String,
        watch: Watch? = nil,
        _ failure: (ZooKeeperError) -> StoreError = { $0.storeError }
    ) async throws(StoreError) -> (Int64, facts: NodeFacts) {
        do throws(ZooKeeperError) {
            let (bytes, facts) = try await session.get(path, watch: watch)
            if let number = Int64(String(decoding: bytes, as: UTF8.self)) { return (number, facts) }
        } catch {
            throw failure(error)
        }
        throw .corrupt(reason: "the ZooKeeper node \(session.settings.address.chroot)\(path) holds no number")
    }

    // MARK: commits

    package func commit(_ batch: Batch) async throws(StoreError) {
        try batch.checkLimits()
        let writes = LastWrites(batch.writes)
        for _ in 0..<Self.mostAttempts {
            let held = try await fence(batch.epoch)
            let turn = try await turnMark()
            try await lookFor(writes.deleted)
            let plan = CommitPlan(writes, fence: held.version, turn: turn, present: state.withLock { $0.present })
            try plan.checkLimit(chroot: session.settings.address.chroot.utf8.count)
            if try await attempt(plan, batch.writes, under: held) { return }
        }
        throw .unavailable(reason: "somebody else writes to the nodes of \(session.settings.address)")
    }

    /// Whether it is done; if not, what was wrongly taken for there or not there is known better now.
    private func attempt(_ plan: CommitPlan, _ writes: [Write], under held: Held) async throws(StoreError) -> Bool {
        let (sent, generation) = (now(), session.status.generation)
        do throws(ZooKeeperError) {
            try await session.multi(plan.changes)
        } catch {
            switch (error.kind, error.path) {
            case (.badVersion, ZooKeeperTree.epoch): forget(held)
            case (.badVersion, ZooKeeperTree.turn): state.withLock { $0.turn = nil }
            case (.noNode, let path) where plan.touched.contains(path): try await look(for: plan.touched)
            case (.nodeExists, _): try await look(for: plan.touched)
            default:
                // It may be done, or still be on its way.
                state.withLock { state in
                    state.turn = nil
                    state.present.subtract(plan.touched)
                }
                throw error.storeError
            }
            return false
        }
        state.withLock { state in
            state.turn = plan.nextTurn
            state.present.formUnion(plan.written)
            state.present.subtract(plan.deleted)
            state.committed(writes, as: plan.nextTurn)
        }
        acknowledged(sent: sent, generation: generation)
        return true
    }

    /// The version that the fence must have for that epoch to be in force.
    private func fence(_ epoch: Epoch) async throws(StoreError) -> Held {
        if let own = state.withLock({ $0.held }), own.epoch == epoch { return own }
        let found = try await readEpoch()
        guard found.epoch == epoch else { throw fenced(by: found.epoch) }
        state.withLock { $0.held = found }
        return found
    }

    /// Unless it was raised meanwhile: what is refused under the fence of before says nothing of the new one.
    private func forget(_ held: Held) { state.withLock { if $0.held == held { $0.held = nil } } }

    /// Ends the term, if it was another leader who raised the epoch.
    private func fenced(by found: Epoch) -> StoreError {
        let (term, attempted) = state.withLock { ($0.term, $0.attempted) }
        if found != attempted { term?.finish(.fenced(by: found)) }
        return .fenced(by: found)
    }

    private func turnMark() async throws(StoreError) -> TurnMark {
        if let known = state.withLock({ $0.turn }) { return known }
        let (number, facts) = try await number(ZooKeeperTree.turn)
        let found = TurnMark(number: number, version: facts.version, birth: facts.birth)
        state.withLock { $0.turn = found }
        return found
    }

    /// Looks for those that are not known to be there: what is not there cannot be deleted.
    private func lookFor(_ paths: [String]) async throws(StoreError) {
        let present = state.withLock { $0.present }
        try await look(for: paths.filter { !present.contains($0) })
    }

    private func look(for paths: [String]) async throws(StoreError) {
        let session = session
        let found = try await gather(paths) { path throws(ZooKeeperError) in try await session.exists(path) != nil }
        state.withLock { state in
            for (path, isThere) in zip(paths, found) {
                if isThere { state.present.insert(path) } else { state.present.remove(path) }
            }
        }
    }

    // MARK: the lease

    /// Has it acknowledged that the leadership is in force and its candidate in the line, and sets a node by the way.
    func affirm(_ candidate: String, setting path: String, to bytes: [UInt8]) async throws(StoreError) {
        // Nobody else sets the epoch that was attempted last while the candidate is there.
        let (known, own) = state.withLock { ($0.held, $0.attempted) }
        guard let own else { throw .unavailable(reason: "no epoch was acquired") }
        let held: Held
        if let known { held = known } else { held = try await fence(own) }
        let (sent, generation) = (now(), session.status.generation)
        do throws(ZooKeeperError) {
            try await session.multi([
                .check(ZooKeeperTree.epoch, version: held.version), .check(candidate, version: 0), .set(path, bytes),
            ])
        } catch {
            switch (error.kind, error.path) {
            case (.noNode, candidate): state.withLock { $0.term }?.finish(.sessionExpired)
            case (.badVersion, ZooKeeperTree.epoch):
                forget(held)
                // Throws if it was another leader who raised it.
                _ = try await fence(held.epoch)
            default: throw error.storeError
            }
            return
        }
        acknowledged(sent: sent, generation: generation)
    }

    func serve(_ term: Term?) { state.withLock { $0.term = term } }

    private func acknowledged(sent: Moment, generation: Int) {
        // Between the two the session did not change: it was this one that was answered.
        guard session.status.generation == generation else { return }
        state.withLock { $0.term }?.acknowledged(sent: sent, at: now(), generation: generation)
    }
}
