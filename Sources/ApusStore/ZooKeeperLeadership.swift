import ApusModel
import Synchronization

/// Leadership among several controllers: they stand in a line of ephemeral nodes, and the first one leads.
///
/// Each watches only the one before it. Who becomes the first raises the epoch, which fences off whoever led before, and
/// gets a lease of two thirds of its session.
package final class ZooKeeperLeadership: Leadership {
    /// Before a server that was away is asked again.
    static let pause: Duration = .milliseconds(200)
    /// The same if only a person can mend why it does not lead.
    private static let longPause: Duration = .seconds(5)

    package let isShared = true
    let store: ZooKeeperStore
    let id: String
    /// Begins the name of its node in the line: by it the node is found whose making was not answered.
    private let mark: String
    let description: Mutex<[UInt8]>
    let warn: @Sendable (String) -> Void
    let note: @Sendable (String) -> Void
    /// What it says of itself is refused, which is told.
    let isRefused = Mutex(false)

    var session: ZooKeeperSession { store.session }

    /// A place in the line.
    struct Candidate {
        var name: String
        /// The session that it hangs on.
        var generation: Int

        var path: String { "\(ZooKeeperTree.election)/\(name)" }
    }

    /// What became of standing for election once.
    private enum Attempt {
        case elected(Candidate, Term)
        /// It is to stand anew.
        case outOfPlace
        /// The session says what is wrong, or another one was quicker.
        case unanswered
        /// Only a person can mend why it does not lead.
        case hindered(String)

        init(_ error: StoreError) {
            switch error {
            case .unavailable, .fenced: self = .unanswered
            default: self = .hindered("\(error)")
            }
        }
    }

    /// `id` is no other controller's, and the same after a restart: its host and port.
    ///
    /// `warn` is told what a person should look at, `note` that it is mended.
    package init(
        store: ZooKeeperStore,
        id: String,
        description: [UInt8],
        warn: @escaping @Sendable (String) -> Void = { _ in },
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.id = id
        (self.warn, self.note) = (warn, note)
        self.description = Mutex(description)
        var random = SystemRandomNumberGenerator()
        mark = String(UInt64.random(in: .min ... .max, using: &random), radix: 16)
    }

    package func lead(_ body: @escaping @Sendable (Term) async throws -> Void) async throws -> TermEnd {
        try await withThrowingTaskGroup(of: TermEnd?.self) { group in
            defer { group.cancelAll() }
            group.addTask { [self] in
                await staySeen()
                return nil
            }
            let isElected = Once<Void>()
            group.addTask { [self] in
                await follow(until: isElected)
                return nil
            }
            group.addTask { [self] in
                let (candidate, term) = try await elected()
                isElected.happen(())
                return try await serve(term, as: candidate, body)
            }
            while let end = try await group.next() {
                if let end { return end }
            }
            throw CancellationError()
        }
    }

    /// Has at hand what the leader commits, so that whoever takes over need not read it all first.
    ///
    /// Beside the line and not in it: no read that is under way holds up a term.
    private func follow(until isElected: Once<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [store, warn] in await store.follow(warn: warn) { _ in } }
            group.addTask { _ = await isElected.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: the line

    private func elected() async throws -> (Candidate, Term) {
        var told = ""
        while true {
            try Task.checkCancellation()
            switch await attempt() {
            case .elected(let candidate, let term): return (candidate, term)
            case .outOfPlace: continue
            case .unanswered: try await Task.sleep(for: Self.pause)
            case .hindered(let obstacle):
                if obstacle != told { warn(hindered(by: obstacle)) }
                told = obstacle
                await stepBack()
                try await Task.sleep(for: Self.longPause)
            }
        }
    }

    /// Stands in the line until it is the first, and takes over then.
    private func attempt() async -> Attempt {
        // Whoever brings a lost cluster back is to find nobody in the line.
        do throws(StoreError) { try await store.expectCluster() } catch { return Attempt(error) }
        do throws(ZooKeeperError) {
            let candidate = try await stand()
            guard try await isFirst(candidate) else { return .outOfPlace }
            switch await begin(candidate) {
            case .success(let term): return .elected(candidate, term)
            case .failure(let error): return Attempt(error)
            }
        } catch {
            return error.lasts ? .hindered("\(error)") : .unanswered
        }
    }

    private func hindered(by obstacle: String) -> String {
        """
        this controller cannot lead, and leaves that to others until it can: \(obstacle). Look at the nodes of \
        \(session.settings.address), at its credential, and at what the servers keep (dataDir); a cluster whose nodes are \
        lost is brought back with `apus store import`
        """
    }

    /// Leaves the line as far as it can, so that another one may lead.
    private func stepBack() async {
        do throws(ZooKeeperError) {
            for name in try await session.line() where isOwn(name) {
                try await session.delete("\(ZooKeeperTree.election)/\(name)")
            }
        } catch {
            // It stays where it is then, and tries again.
        }
    }

    private func isOwn(_ name: String) -> Bool { name.hasPrefix("\(mark)-") }

    /// Goes to the end of the line, unless it stands in it: the making of its node may have been done and not answered.
    func stand() async throws(ZooKeeperError) -> Candidate {
        let generation = session.status.generation
        // A server that lags behind might not show it.
        try await session.sync(ZooKeeperTree.election)
        var place: Candidate?
        for name in try await session.line() where isOwn(name) {
            let candidate = Candidate(name: name, generation: generation)
            guard let facts = try await session.exists(candidate.path) else { continue }
            // One of a session that was given up would be waited for until that expires.
            if place == nil, facts.owner == session.owner { place = candidate } else { try await remove(candidate) }
        }
        if let place { return place }
        let path = try await session.create("\(ZooKeeperTree.election)/\(mark)-", Array(id.utf8), .ephemeralSequential)
        return Candidate(name: String(path.dropFirst(ZooKeeperTree.election.count + 1)), generation: generation)
    }

    private func remove(_ candidate: Candidate) async throws(ZooKeeperError) {
        do throws(ZooKeeperError) { try await session.delete(candidate.path) } catch  where error.kind == .noNode {}
    }

    /// Waits until it is the first; `false` if it must stand anew.
    private func isFirst(_ candidate: Candidate) async throws(ZooKeeperError) -> Bool {
        while true {
            let line = try await session.line()
            // Of two of its own it stands at the first: it would wait behind itself for ever.
            guard let place = line.firstIndex(where: isOwn), line[place] == candidate.name else { return false }
            guard place > 0 else { return try await !makesWay(candidate, in: line) }
            let watch = Watch(session)
            // What comes between the two looks is seen by the second.
            guard try await session.exists("\(ZooKeeperTree.election)/\(line[place - 1])", watch: watch) != nil else {
                continue
            }
            await watch.wait()
        }
    }

    /// Goes to the end of the line if another one in it was named to come next.
    private func makesWay(_ candidate: Candidate, in line: [String]) async throws(ZooKeeperError) -> Bool {
        guard let named = try await session.bytes(ZooKeeperTree.successor), named != Array(id.utf8) else {
            return false
        }
        for other in line.dropFirst() where try await session.standing(other) == named {
            try await remove(candidate)
            return true
        }
        return false
    }

    // MARK: the term

    /// Raises the epoch; fails if it is not the first any more, or that is not known.
    private func begin(_ candidate: Candidate) async -> Result<Term, StoreError> {
        do throws(StoreError) {
            try await store.expectCluster()
            let (epoch, sent) = try await store.setEpoch(whileThereIs: candidate.path) { found in found + 1 }
            let lease = Lease(session: session.status.timeout, sent: sent)
            let term = Term(epoch: epoch, lease: lease, generation: candidate.generation)
            store.serve(term)
            return .success(term)
        } catch {
            return .failure(error)
        }
    }

    private func serve(
        _ term: Term,
        as candidate: Candidate,
        _ body: @escaping @Sendable (Term) async throws -> Void
    ) async throws -> TermEnd {
        let end: Result<TermEnd, any Error>
        do {
            end = .success(
                try await term.run(
                    body,
                    beside: [
                        { [self] in await renew(term, candidate) },
                        { [self] in await watchLease(of: term) },
                        { [self] in await watchSession(of: term) },
                        { [self] in await forgetLongAbsent(in: term) },
                    ]
                )
            )
        } catch {
            end = .failure(error)
        }
        store.serve(nil)
        await giveUp(candidate, to: term.successor)
        return try end.get()
    }

    /// Has the lease renewed by a quorum write each quarter of a session, whether or not anything is committed.
    private func renew(_ term: Term, _ candidate: Candidate) async {
        // try?: whom the last leader named is none of the next one's concern; it is named anew, or not there.
        try? await session.delete(ZooKeeperTree.successor)
        let session = session.status.timeout
        var wait = session / 4
        while term.reason == nil, !Task.isCancelled {
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(for: wait)
            do throws(StoreError) {
                let own = ZooKeeperTree.controller(id)
                try await store.affirm(candidate.path, setting: own, to: description.withLock(\.self))
                wait = session / 4
            } catch {
                wait = min(session / 16, Self.pause)
                // try?: what is wrong with the servers the lease will show; what was deleted is there again now.
                try? await stayHere()
            }
        }
    }

    private func watchLease(of term: Term) async {
        while term.reason == nil, !Task.isCancelled {
            let left = term.leaseEnd - store.now()
            // try?: cancelled means that the loop ends.
            if left > .zero { try? await Task.sleep(for: left) } else { term.lapse(at: store.now()) }
        }
    }

    private func watchSession(of term: Term) async {
        for await status in session.statuses() {
            if status.generation != term.generation || status.phase == .closed { return term.finish(.sessionExpired) }
            // The lease was counted by the longer one, and somebody else may lead before it lapses.
            if status.timeout < term.session { return term.finish(.sessionShortened) }
        }
    }

    /// Leaves the line, so that the next one leads at once; again and again while the place may still be there.
    private func giveUp(_ candidate: Candidate, to successor: String?) async {
        repeat {
            // proof: awaited here; a task of its own because this one may be cancelled, and the others wait for it.
            let isGone = await Task { await leave(candidate, to: successor) }.value
            if isGone { return }
            // try?: cancelled means that the session will be closed, and the place vanishes with it.
            try? await Task.sleep(for: Self.pause)
            let status = session.status
            if status.generation != candidate.generation || status.phase == .closed { return }
        } while !Task.isCancelled
    }

    private func leave(_ candidate: Candidate, to successor: String?) async -> Bool {
        do throws(ZooKeeperError) {
            try await makeRoom(candidate, for: successor)
            // One whose making was not answered may have shown since then.
            for name in try await session.line() where isOwn(name) {
                try await remove(Candidate(name: name, generation: candidate.generation))
            }
            return true
        } catch {
            // With the line all places are gone.
            return error.kind == .noNode && error.path == ZooKeeperTree.election
        }
    }

    private func makeRoom(_ candidate: Candidate, for successor: String?) async throws(ZooKeeperError) {
        guard let successor else { return try await remove(candidate) }
        try await session.ensure(ZooKeeperTree.successor)
        do throws(ZooKeeperError) {
            try await session.multi([.set(ZooKeeperTree.successor, Array(successor.utf8)), .delete(candidate.path)])
        } catch  where error.kind == .noNode && error.path == candidate.path {}
    }
}
