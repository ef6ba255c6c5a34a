import ApusClient
import ApusModel
import UnixSignals

/// The course of one command in a container, between this process's standard streams and the controller.
struct ExecCourse: Sendable {
    let client: ExecClient
    let instance: InstanceID
    let request: ExecRequest

    /// What the command has written.
    private struct Written: Sendable {
        var bytes: [UInt8]
        var isError: Bool
    }

    private enum Event: Sendable {
        /// The other side has said all that it had to say, with its last word if it gave one.
        case heard(ExecFrame?)
        /// All that came is written.
        case written
        /// What the end does not depend on.
        case other
    }

    /// Runs it to its end.
    ///
    /// - Returns: its exit code.
    /// - Throws: `CommandFailure` if there is none, or `ClientError`.
    func run() async throws -> Int64 {
        let line = ExecLine()
        defer { line.outgoing.finish() }
        if request.hasTerminal, let size = Terminal.size { try await line.send(size) }
        let answer = try await client.begin(request, in: instance, sending: line.outgoing)
        guard answer.isOpen else { throw CommandFailure(.noExitCode, try await answer.refusal()) }
        // No more than may be under way: the other side waits until it is written.
        let (written, arriving) = AsyncStream.makeStream(
            of: Written.self,
            bufferingPolicy: .bufferingOldest(ExecFrame.window)
        )
        return try await withThrowingTaskGroup(of: Event.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                defer { arriving.finish() }
                return .heard(try await hear(answer, on: line, arriving))
            }
            group.addTask {
                try await write(written, on: line)
                return .written
            }
            group.addTask {
                await line.beat()
                return .other
            }
            if request.readsInput { group.addTask { try await send(on: line) } }
            if request.hasTerminal { group.addTask { await tellSizes(on: line) } }
            return try await end(&group)
        }
    }

    private var gone: String {
        "The connection is gone; the executor ends a command that nobody speaks with."
    }

    private func end(_ group: inout ThrowingTaskGroup<Event, any Error>) async throws -> Int64 {
        var (last, isHeard, isWritten): (ExecFrame?, Bool, Bool) = (nil, false, false)
        while !(isHeard && isWritten), let event = try await group.next() {
            switch event {
            case .heard(let frame): (last, isHeard) = (frame, true)
            case .written: isWritten = true
            case .other: break
            }
        }
        switch last {
        case .exit(let code)?: return code
        case .error(let reason)?: throw CommandFailure(.noExitCode, reason)
        default: throw CommandFailure(.noExitCode, gone)
        }
    }

    /// Listens for as long as the other side is not silent for too long: once all has come it may be.
    ///
    /// - Returns: the last word; `nil` if the connection ended without one.
    private func hear(
        _ answer: ExecClient.Answer,
        on line: ExecLine,
        _ arriving: AsyncStream<Written>.Continuation
    ) async throws -> ExecFrame? {
        try await withThrowingTaskGroup(of: ExecFrame?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await listen(to: answer, on: line, arriving) }
            group.addTask {
                await line.silence()
                try Task.checkCancellation()
                throw CommandFailure(.noExitCode, "Nothing was heard of the executor for half a minute.\n\(gone)")
            }
            return try await group.next() ?? nil
        }
    }

    private func listen(
        to answer: ExecClient.Answer,
        on line: ExecLine,
        _ arriving: AsyncStream<Written>.Continuation
    ) async throws -> ExecFrame? {
        var last: ExecFrame?
        do {
            try await line.receive(answer.pieces) { frame in
                switch frame {
                case .stdout(let data): try take(data, isError: false, arriving)
                case .stderr(let data): try take(data, isError: true, arriving)
                case .exit, .error:
                    last = frame
                    // The other side waits for it.
                    line.outgoing.finish()
                case .stdin, .stdinEnd, .resize, .heartbeat, .taken: break
                }
            }
        } catch let error as JSONError {
            throw CommandFailure(.noExitCode, "What the controller sends cannot be read: \(error)")
        } catch let error where !(error is CancellationError || error is CommandFailure) {
            // Broken off: what counts is whether the last word came.
        }
        return last
    }

    private func take(
        _ data: [UInt8],
        isError: Bool,
        _ arriving: AsyncStream<Written>.Continuation
    ) throws {
        if case .dropped = arriving.yield(Written(bytes: data, isError: isError)) {
            throw CommandFailure(.noExitCode, "More came from the executor than may be under way.")
        }
    }

    private func write(_ written: AsyncStream<Written>, on line: ExecLine) async throws {
        for await piece in written {
            try await StandardStreams.write(piece.bytes, isError: piece.isError)
            do {
                try await line.send(.taken(bytes: piece.bytes.count))
            } catch is BytePipe.Finished {
                // The command has ended; what is left of its output needs no leave.
            }
        }
    }

    /// Sends what comes on standard input, to its end.
    private func send(on line: ExecLine) async throws -> Event {
        do {
            while let bytes = try await StandardStreams.read() { try await line.send(bytes) { .stdin($0) } }
            try await line.send(.stdinEnd)
        } catch is BytePipe.Finished {
            // The command has ended.
        }
        return .other
    }

    private func tellSizes(on line: ExecLine) async -> Event {
        for await _ in await UnixSignalsSequence(trapping: .sigwinch) {
            guard let size = Terminal.size else { continue }
            do { try await line.send(size) } catch { break }
        }
        return .other
    }
}
