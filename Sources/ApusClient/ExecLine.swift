package import ApusModel
import Synchronization

/// One side of the exchange about a command: what it sends, what it hears, and whether the other is still there.
package final class ExecLine: Sendable {
    private static let beat = Duration.seconds(10)
    /// Three heartbeats.
    private static let patience = Duration.seconds(30)
    /// Frames that wait to be sent.
    private static let waiting = 128 << 10

    /// What is on its way to the other side.
    package let outgoing = BytePipe(capacity: waiting)
    /// So many bytes of data may still be sent.
    private let room = Watched(ExecFrame.window)
    private let heard = Mutex(ContinuousClock.now)

    package init() {}

    package func send(_ frame: ExecFrame) async throws { try await outgoing.send(frame.bytes) }

    /// Sends data as fast as the other side uses it.
    package func send(_ data: some Collection<UInt8>, as frame: ([UInt8]) -> ExecFrame) async throws {
        var rest = data[...]
        while !rest.isEmpty {
            let most = min(rest.count, ExecFrame.longestData)
            let count = try await room.wait { room -> Int? in
                let count = min(room, most)
                guard count > 0 else { return nil }
                room -= count
                return count
            }
            try await send(frame(Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
        }
    }

    /// Hands `each` the other side's frames until they end, but for what only this line needs.
    ///
    /// `each` must be quick: while it is at work the other side is not heard.
    ///
    /// - Throws: `JSONError` if they are no frames, what `each` or the sequence throws.
    package func receive<Pieces: AsyncSequence>(
        _ pieces: Pieces,
        each: (ExecFrame) async throws -> Void
    ) async throws where Pieces.Element: Collection<UInt8> {
        var frames = ExecFrames()
        for try await piece in pieces {
            heard.withLock { $0 = .now }
            for frame in try frames.take(piece) {
                switch frame {
                case .heartbeat: break
                // Nobody can have used more than is under way.
                case .taken(let bytes): room.change { $0 = min($0 + bytes, ExecFrame.window) }
                default: try await each(frame)
                }
            }
        }
    }

    /// Tells the other side that this one is there, until it is cancelled or what is sent goes nowhere.
    package func beat() async {
        do {
            while true {
                try await Task.sleep(for: Self.beat)
                try await send(.heartbeat)
            }
        } catch {
            // The line has ended.
        }
    }

    /// Returns when nothing was heard of the other side for too long, or when it is cancelled.
    package func silence() async {
        while true {
            let end = heard.withLock(\.self) + Self.patience
            guard end > .now else { return }
            do { try await Task.sleep(until: end) } catch { return }
        }
    }
}
