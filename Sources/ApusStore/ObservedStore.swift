package import ApusEngine
package import ApusModel

/// One operation of a store, as it went.
package struct StoreObservation: Sendable {
    package enum Operation: Hashable, Sendable {
        case list(RecordKind)
        case commit
        /// Acquiring, raising and reading it.
        case epoch
        /// Having at hand what a snapshot is of.
        case prepare
        /// What a standby reads of what the leader has committed, all or what is new.
        case follow
    }

    package enum Outcome: Hashable, Sendable {
        case done
        case fenced
        case unavailable
        /// Too large, or not to be read or used.
        case refused
    }

    package var operation: Operation
    package var duration: Duration
    /// What was written or read: of a commit its `byteCount`, of a list or of what is followed the contents.
    package var bytes: Int
    package var outcome: Outcome
}

/// A store that tells what each of its operations took.
package struct ObservedStore: StateStore {
    private let store: any StateStore
    private let tell: @Sendable (StoreObservation) -> Void

    /// `tell` is called after each operation, before its caller goes on, and must not block.
    package init(_ store: any StateStore, tell: @escaping @Sendable (StoreObservation) -> Void) {
        self.store = store
        self.tell = tell
    }

    package func list(_ kind: RecordKind) async throws(StoreError) -> [Record] {
        try await observing(.list(kind), bytes: { $0.reduce(0) { $0 + $1.bytes.count } }) { () throws(StoreError) in
            try await store.list(kind)
        }
    }

    package func prepareSnapshot() async throws(StoreError) {
        try await observing(.prepare) { () throws(StoreError) in try await store.prepareSnapshot() }
    }

    package func snapshot() async throws(StoreError) -> any StoreSnapshot { try await store.snapshot() }

    package func commit(_ batch: Batch) async throws(StoreError) {
        try await observing(.commit, bytes: { batch.byteCount }) { () throws(StoreError) in
            try await store.commit(batch)
        }
    }

    package func acquireEpoch() async throws(StoreError) -> Epoch {
        try await observing(.epoch) { () throws(StoreError) in try await store.acquireEpoch() }
    }

    package func raiseEpoch(from held: Epoch, above met: Epoch) async throws(StoreError) -> Epoch {
        try await observing(.epoch) { () throws(StoreError) in try await store.raiseEpoch(from: held, above: met) }
    }

    package func currentEpoch() async throws(StoreError) -> Epoch {
        try await observing(.epoch) { () throws(StoreError) in try await store.currentEpoch() }
    }

    private func observing<Value>(
        _ operation: StoreObservation.Operation,
        bytes: (Value) -> Int = { _ in 0 },
        _ body: () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await operation.observed(bytes: bytes, tell: tell, body)
    }
}

extension StoreObservation.Operation {
    /// Does it, and tells what it took.
    func observed<Value>(
        bytes: (Value) -> Int,
        tell: (StoreObservation) -> Void,
        _ body: () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let began = ContinuousClock.now
        func observed(_ bytes: Int, _ outcome: StoreObservation.Outcome) {
            tell(
                StoreObservation(
                    operation: self,
                    duration: ContinuousClock.now - began,
                    bytes: bytes,
                    outcome: outcome
                )
            )
        }
        do throws(StoreError) {
            let value = try await body()
            observed(bytes(value), .done)
            return value
        } catch {
            switch error {
            case .fenced: observed(0, .fenced)
            case .unavailable: observed(0, .unavailable)
            case .tooLarge, .refused, .corrupt, .locked: observed(0, .refused)
            }
            throw error
        }
    }
}
