import Synchronization

/// What the engine has told and is not written yet: while it is full the engine is held back.
///
/// One task adds, one takes; either is let go when it is cancelled.
final class LogBuffer: Sendable {
    private static let most = 256 << 10

    private struct State {
        var bytes: [UInt8] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let more = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let room = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Adds bytes, once there is room.
    func add(_ bytes: [UInt8]) async {
        var rooms = room.stream.makeAsyncIterator()
        while state.withLock({ $0.bytes.count >= Self.most }) {
            guard await rooms.next() != nil else { return }
        }
        state.withLock { $0.bytes += bytes }
        more.continuation.yield()
    }

    /// Nothing follows.
    func finish() {
        state.withLock { $0.isOver = true }
        more.continuation.yield()
    }

    /// All that has come, at least something; `nil` at the end, or when cancelled.
    func take() async -> [UInt8]? {
        var mores = more.stream.makeAsyncIterator()
        while true {
            let (bytes, isOver) = state.withLock { state in
                defer { state.bytes = [] }
                return (state.bytes, state.isOver)
            }
            if !bytes.isEmpty {
                room.continuation.yield()
                return bytes
            }
            guard !isOver, await mores.next() != nil else { return nil }
        }
    }
}
