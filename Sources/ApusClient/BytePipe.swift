import NIOCore

/// Bytes on their way from those who send to the one who reads; who sends is held back by who reads.
package final class BytePipe: Sendable {
    /// What is sent goes nowhere any more.
    package struct Finished: Error {}

    private struct State {
        var bytes: [UInt8] = []
        var isFinished = false
    }

    private let capacity: Int
    private let state = Watched(State())

    /// Whoever sends waits while so many bytes, or more, have not been read.
    package init(capacity: Int) { self.capacity = capacity }

    /// Sends them in one piece, once there is room.
    ///
    /// - Throws: `Finished`, or `CancellationError` when the task was cancelled.
    package func send(_ more: [UInt8]) async throws {
        let isSent = try await state.wait { state -> Bool? in
            guard !state.isFinished else { return false }
            guard state.bytes.count < capacity else { return nil }
            state.bytes += more
            return true
        }
        guard isSent else { throw Finished() }
    }

    /// Sends them at once if they fit.
    ///
    /// - Returns: whether they did; what is finished takes anything, and nobody reads it.
    package func offer(_ more: [UInt8]) -> Bool {
        state.change { state in
            guard !state.isFinished else { return true }
            guard state.bytes.count + more.count <= capacity else { return false }
            state.bytes += more
            return true
        }
    }

    /// Nothing more is sent; what was sent can still be read.
    package func finish() { state.change { $0.isFinished = true } }

    /// All that has been sent since; `nil` once it is finished and read.
    ///
    /// - Throws: `CancellationError` if the task was cancelled.
    package func next() async throws -> [UInt8]? {
        let bytes = try await state.wait { state -> [UInt8]? in
            guard state.bytes.isEmpty else {
                defer { state.bytes = [] }
                return state.bytes
            }
            return state.isFinished ? [] : nil
        }
        return bytes.isEmpty ? nil : bytes
    }
}

extension BytePipe: AsyncSequence {
    package func makeAsyncIterator() -> Iterator { Iterator(pipe: self) }

    package struct Iterator: AsyncIteratorProtocol {
        let pipe: BytePipe

        @concurrent
        package mutating func next() async throws -> [UInt8]? { try await pipe.next() }
    }
}

extension BytePipe {
    /// As the HTTP client sends them.
    struct Buffers: AsyncSequence, Sendable {
        let pipe: BytePipe

        func makeAsyncIterator() -> Iterator { Iterator(pipe: pipe) }

        struct Iterator: AsyncIteratorProtocol {
            let pipe: BytePipe

            @concurrent
            mutating func next() async throws -> ByteBuffer? {
                try await pipe.next().map { ByteBuffer(bytes: $0) }
            }
        }
    }
}
