import ApusClient
import ApusModel
import Synchronization

/// The commands in containers that this controller hands on between callers and executors.
package final class ExecRelays: Sendable {
    /// At once.
    package static let most = 256

    private struct State {
        var lastNumber = 0
        /// What is sent to each one's executor.
        var open: [Int: BytePipe] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// One of the places, with `pipe` on the way to the executor; `nil` if all are taken.
    func place(for pipe: BytePipe) -> Place? {
        let number = state.withLock { state -> Int? in
            guard state.open.count < Self.most else { return nil }
            state.lastNumber += 1
            state.open[state.lastNumber] = pipe
            return state.lastNumber
        }
        return number.map { Place($0, of: self) }
    }

    /// Ends all: executors hear that the callers have left.
    func dismiss() {
        for pipe in state.withLock({ $0.open.values.map(\.self) }) { pipe.finish() }
    }

    /// Given back when nobody has it any more; then nothing is sent to the executor either.
    final class Place: Sendable {
        private let number: Int
        private let relays: ExecRelays

        init(_ number: Int, of relays: ExecRelays) {
            self.number = number
            self.relays = relays
        }

        deinit { relays.state.withLock { $0.open.removeValue(forKey: number) }?.finish() }
    }
}

/// A command in a container, handed on between its caller and its executor; what the frames say is theirs alone.
final class ExecRelay: Sendable {
    /// For the executor to end its side when the caller has left.
    private static let farewell = Duration.seconds(10)

    /// On its way to the caller.
    let toCaller = BytePipe(capacity: 128 << 10)
    private let toExecutor: BytePipe
    private let frames: APIFile.Pieces
    private let answer: ExecClient.Answer
    private let place: ExecRelays.Place

    init(_ frames: APIFile.Pieces, to toExecutor: BytePipe, _ answer: ExecClient.Answer, place: ExecRelays.Place) {
        self.frames = frames
        self.toExecutor = toExecutor
        self.answer = answer
        self.place = place
    }

    /// Hands on until one side ends; both pipes are finished then.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.handDown() }
            group.addTask { await self.handUp() }
            await group.next()
            group.cancelAll()
        }
        toCaller.finish()
        toExecutor.finish()
    }

    private func handDown() async {
        do {
            for try await piece in answer.pieces { try await toCaller.send(piece) }
        } catch {
            // The caller misses the last frame, and knows by that.
        }
    }

    private func handUp() async {
        do {
            for try await piece in frames { try await toExecutor.send(piece) }
        } catch {
            // As if the caller had ended it.
        }
        toExecutor.finish()
        do { try await Task.sleep(for: Self.farewell) } catch { return }
    }
}
