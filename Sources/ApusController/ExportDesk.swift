import ApusClient
import ApusStore
import Synchronization

/// Exports of the store: one at a time, each of what the store held between two turns.
final class ExportDesk: Sendable {
    typealias Answer = Result<any StoreSnapshot, StoreError>

    /// So long one waits until all is at hand that is to be exported.
    private static let preparation = Duration.seconds(100)
    /// So long one waits for the end of a turn.
    private static let patience = Duration.seconds(10)

    private struct State {
        var isTaken = false
        var waiting: AsyncStream<Answer>.Continuation?
    }

    private let store: any StateStore
    private let state = Mutex(State())

    init(_ store: any StateStore) { self.store = store }

    /// The one place; `nil` if it is taken.
    func place() -> Place? {
        let isFree = state.withLock { state in
            defer { state.isTaken = true }
            return !state.isTaken
        }
        return isFree ? Place(at: self) : nil
    }

    /// Given back when nobody has it any more.
    final class Place: Sendable {
        private let desk: ExportDesk

        fileprivate init(at desk: ExportDesk) { self.desk = desk }

        deinit { desk.state.withLock { $0.isTaken = false } }
    }

    /// What the store holds after the turn that is under way; for who has the place.
    ///
    /// What takes long is done before, beside the turns.
    ///
    /// - Returns: `nil` if that turn did not end in time.
    func snapshot(after inbox: Inbox) async -> Answer? {
        do {
            let late = { @Sendable in StoreError.unavailable(reason: "not all was read within \(Self.preparation)") }
            try await withDeadline(Self.preparation, late: late) { [store] in try await store.prepareSnapshot() }
        } catch let error as StoreError {
            return .failure(error)
        } catch {
            return nil
        }
        return await next(inbox)
    }

    private func next(_ inbox: Inbox) async -> Answer? {
        let (answers, answer) = AsyncStream.makeStream(of: Answer.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.waiting = answer }
        defer { state.withLock { $0.waiting = nil } }
        inbox.nudge()
        do {
            return try await withDeadline(Self.patience, late: { CancellationError() }) {
                for await answer in answers { return answer }
                return nil
            }
        } catch {
            return nil
        }
    }

    /// Between two turns: takes the snapshot that somebody waits for, for as long as that one does.
    func serve() async {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            return state.waiting
        }
        guard let waiting else { return }
        do {
            let snapshot = try await withDeadline(Self.patience, late: { CancellationError() }) { [store] in
                try await store.snapshot()
            }
            waiting.yield(.success(snapshot))
        } catch let error as StoreError {
            waiting.yield(.failure(error))
        } catch {
            // Nobody waits any more.
        }
    }
}

/// An export on its way to a caller, who may take only so long: the store cannot tidy up before.
struct ExportPieces: AsyncSequence, Sendable {
    let stream: ExportStream
    let place: ExportDesk.Place
    let deadline: ContinuousClock.Instant

    func makeAsyncIterator() -> Iterator {
        Iterator(lines: stream.makeAsyncIterator(), place: place, deadline: deadline)
    }

    struct Iterator: AsyncIteratorProtocol {
        var lines: ExportStream.Iterator
        let place: ExportDesk.Place
        let deadline: ContinuousClock.Instant

        @concurrent
        mutating func next() async throws -> [UInt8]? {
            guard ContinuousClock.now < deadline else {
                throw ControllerError(description: "The export was taken too slowly and broke off.")
            }
            return try await lines.next()
        }
    }
}
