package import ApusEngine
import ApusModel
import Synchronization

// MARK: lists

extension ZooKeeperStore {
    /// All records of a kind, by ascending id.
    ///
    /// One read for each record, 128 at a time: seconds for tens of thousands. What `follow` has read is only brought
    /// up to date, which takes milliseconds. While another controller commits, batches may show in part.
    package func list(_ kind: RecordKind) async throws(StoreError) -> [Record] {
        if let (turn, birth) = state.withLock({ $0.mirror.map { ($0.turn, $0.birth) } }) {
            let changes = try await changes(since: turn, of: birth)
            let kept = reflect(changes, giving: kind)
            if changes.isWhole { return StoreMirror(changes).records(kind).listed(as: kind) }
            if let kept { return kept.listed(as: kind) }
        }
        return try await read(kind)
    }

    private func read(_ kind: RecordKind) async throws(StoreError) -> [Record] {
        let session = session
        let top = ZooKeeperTree.kind(kind)
        let buckets = try await names(top).map { "\(top)/\($0)" }
        let names = try await gather(buckets) { bucket throws(ZooKeeperError) in
            try await session.names(bucket).map { "\(bucket)/\($0)" }
        }
        let paths = names.flatMap(\.self)
        let found = try await gather(paths) { path throws(ZooKeeperError) in try await session.bytes(path) }
        var records: [Record] = []
        for (path, bytes) in zip(paths, found) {
            // Deleted since its name was read.
            guard let bytes else { continue }
            let name = path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...]
            guard let id = NodeName.decoded(String(name)) else {
                throw .corrupt(reason: "the ZooKeeper node \(path) is no record's")
            }
            records.append(Record(key: RecordKey(kind, id), bytes: bytes))
        }
        state.withLock { state in
            state.present.formUnion(buckets)
            state.present.formUnion(paths)
        }
        return records.sorted { $0.key.id < $1.key.id }
    }

    private func names(_ path: String) async throws(StoreError) -> [String] {
        do throws(ZooKeeperError) { return try await session.names(path) } catch { throw error.storeError }
    }

    /// Does the same with each, so many at a time; the results in their order.
    func gather<Item: Sendable, Found: Sendable>(
        _ items: [Item],
        _ find: @escaping @Sendable (Item) async throws(ZooKeeperError) -> Found
    ) async throws(StoreError) -> [Found] {
        typealias Outcome = (index: Int, result: Result<Found, ZooKeeperError>)
        let outcome: Result<[Found], ZooKeeperError> = await withTaskGroup(of: Outcome.self) { group in
            var found = [Found?](repeating: nil, count: items.count)
            var next = 0
            func begin() {
                guard next < items.count else { return }
                let (index, item) = (next, items[next])
                next += 1
                group.addTask {
                    do throws(ZooKeeperError) { return (index, .success(try await find(item))) } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for _ in 0..<Self.readsAtOnce { begin() }
            while let (index, result) = await group.next() {
                switch result {
                case .success(let value): found[index] = value
                case .failure(let error):
                    group.cancelAll()
                    return .failure(error)
                }
                begin()
            }
            return .success(found.compactMap(\.self))
        }
        switch outcome {
        case .success(let found): return found
        case .failure(let error): throw error.storeError
        }
    }
}

extension ZooKeeperSession {
    /// The bytes of a node; `nil` if there is none.
    func bytes(_ path: String) async throws(ZooKeeperError) -> [UInt8]? {
        do throws(ZooKeeperError) {
            return try await get(path).bytes
        } catch {
            guard error.kind == .noNode else { throw error }
            return nil
        }
    }

    /// The names below a node; none if there is none.
    fileprivate func names(_ path: String) async throws(ZooKeeperError) -> [String] {
        do throws(ZooKeeperError) {
            return try await children(path)
        } catch {
            guard error.kind == .noNode else { throw error }
            return []
        }
    }
}

// MARK: changes

/// What other controllers committed since a certain turn.
package struct StoreChanges: Hashable, Sendable {
    /// Up to which turn at least: some of it may be newer already, and comes again then.
    package var turn: Int64
    /// Of the node that counts the turns: those of a tree that was lost and made anew follow on nothing that was before.
    package var birth: NodeFacts.Birth
    /// These are all records: what is not among them is no more.
    package var isWhole: Bool
    /// Each record once.
    package var writes: [Write]

    /// Of what was read.
    var byteCount: Int {
        writes.reduce(0) { sum, write in
            guard case .put(_, let bytes) = write else { return sum }
            return sum + bytes.count
        }
    }
}

extension ZooKeeperStore {
    /// What was committed since that turn, or all there is.
    ///
    /// It costs one read, one for each commit since then and one for each record that these wrote; or, for whoever is a
    /// thousand commits behind, what listing all kinds costs. While the leader commits, batches may show in part. With a
    /// `birth` the turn counts only in that tree.
    package func changes(
        since turn: Int64?,
        of birth: NodeFacts.Birth? = nil,
        watch: Watch? = nil
    ) async throws(StoreError) -> StoreChanges {
        let (latest, facts) = try await number(ZooKeeperTree.turn, watch: watch)
        if let turn, birth == nil || birth == facts.birth, let keys = try await keys(after: turn, upTo: latest) {
            let session = session
            let found = try await gather(keys) { key throws(ZooKeeperError) in
                try await session.bytes(ZooKeeperTree.record(key))
            }
            let writes = zip(keys, found).map { key, bytes in bytes.map { Write.put(key, $0) } ?? .delete(key) }
            learn(writes)
            return StoreChanges(turn: latest, birth: facts.birth, isWhole: false, writes: writes)
        }
        // Nothing follows any more on what was read of a tree that is lost, or was put back as it was before.
        let wentBack = turn.map { $0 > latest } ?? false
        state.withLock { if wentBack || $0.mirror?.birth != facts.birth { $0.mirror = nil } }
        var writes: [Write] = []
        for kind in RecordKind.allCases { writes += try await read(kind).map { .put($0.key, $0.bytes) } }
        return StoreChanges(turn: latest, birth: facts.birth, isWhole: true, writes: writes)
    }

    /// What is there and what is not, for the day when this controller commits.
    private func learn(_ writes: [Write]) {
        state.withLock { state in
            for write in writes {
                switch write {
                case .put(let key, _):
                    state.present.formUnion([ZooKeeperTree.record(key), ZooKeeperTree.bucket(of: key)])
                case .delete(let key): state.present.remove(ZooKeeperTree.record(key))
                }
            }
        }
    }

    /// The records that those turns wrote; `nil` if the log does not hold them all any more.
    private func keys(after turn: Int64, upTo latest: Int64) async throws(StoreError) -> [RecordKey]? {
        guard latest >= turn, latest - turn < TurnEntry.slots else { return nil }
        let turns = Array((turn..<latest).map { $0 + 1 })
        let session = session
        let entries = try await gather(turns) { turn throws(ZooKeeperError) in
            try await session.bytes(ZooKeeperTree.slot(of: turn)).flatMap { TurnEntry($0) }
        }
        var keys: Set<RecordKey> = []
        for (turn, entry) in zip(turns, entries) {
            guard let entry, entry.turn == turn, let own = entry.keys else { return nil }
            keys.formUnion(own)
        }
        return keys.sorted()
    }

    /// Keeps what another controller commits, so that `list` has it at once, and tells it: all at first, then changes.
    ///
    /// Until cancelled; it begins again by itself whenever the servers were away. Changes are gathered: the first is told
    /// at once, those within `pause` of it together. `warn` is told once why nothing can be read though the servers answer.
    package func follow(
        every pause: Duration = .seconds(1),
        warn: @Sendable (String) -> Void = { _ in },
        _ tell: @Sendable (StoreChanges) async -> Void
    ) async {
        var place: (turn: Int64, birth: NodeFacts.Birth)?
        var (wait, isTold) = (pause, false)
        while !Task.isCancelled {
            let watch = Watch(session)
            let began = ContinuousClock.now
            do throws(StoreError) {
                let known = place
                let changes = try await StoreObservation.Operation.follow.observed(
                    bytes: { (changes: StoreChanges) in changes.byteCount },
                    tell: observe
                ) { () throws(StoreError) in
                    try await self.changes(since: known?.turn, of: known?.birth, watch: watch)
                }
                (wait, isTold) = (pause, false)
                if changes.isWhole || !changes.writes.isEmpty {
                    place = (changes.turn, changes.birth)
                    reflect(changes)
                    await tell(changes)
                }
                await watch.wait()
            } catch {
                // Without a connection nothing is read, and the session says what is wrong; what was missed is told when it
                // is mended.
                if session.status.phase == .connected, !Task.isCancelled {
                    if !isTold { warn("what the leader stores cannot be followed: \(error)") }
                    isTold = true
                    wait = min(wait * 2, max(pause, Self.longestPause))
                }
            }
            // try?: cancelled means that the loop ends.
            try? await Task.sleep(until: began + wait)
        }
    }

    /// Keeps what was read, unless something later is kept, or what it follows on is kept no more.
    ///
    /// - Returns: what is kept of that kind.
    @discardableResult
    func reflect(_ changes: StoreChanges, giving kind: RecordKind? = nil) -> StoreMirror.Records? {
        state.withLock { state in
            if let turn = state.mirror?.turn, state.mirror?.birth == changes.birth {
                if turn <= changes.turn { state.mirror?.apply(changes) }
            } else if changes.isWhole {
                state.mirror = StoreMirror(changes)
            }
            return kind.flatMap { state.mirror?.records($0) }
        }
    }
}
