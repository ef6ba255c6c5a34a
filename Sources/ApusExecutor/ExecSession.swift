package import ApusClient
import ApusContainers
import ApusModel
import Synchronization

/// A command in a container, and its caller.
package final class ExecSession: Sendable {
    private static let longest = Duration.seconds(24 * 60 * 60)
    /// For the caller to hear of the end.
    private static let farewell = Duration.seconds(5)
    /// Between the end of what a command writes and its own end lies next to nothing, unless it has closed its output.
    private static let (shortestPause, longestPause) = (Duration.milliseconds(20), Duration.milliseconds(500))

    /// How it came to its end; the first counts.
    fileprivate enum Ending: Sendable {
        case exited(code: Int64)
        /// There is no exit code; the process may still be there.
        case failed(String)
        case callerLeft
    }

    /// A terminal's, which can be set once the command has begun.
    private struct Size: Sendable {
        var isBegun = false
        var last: (rows: Int, columns: Int)?
    }

    private let request: ExecRequest
    private let execution: String
    private let container: ContainerID
    private let desk: ExecDesk
    private let place: ExecPlace
    private let line = ExecLine()
    /// What waits to be read by the command.
    private let input = BytePipe(capacity: ExecFrame.window)
    private let size = Mutex(Size())

    init(_ request: ExecRequest, _ execution: String, _ container: ContainerID, desk: ExecDesk, place: ExecPlace) {
        self.request = request
        self.execution = execution
        self.container = container
        self.desk = desk
        self.place = place
    }

    /// What the caller is sent.
    package var outgoing: BytePipe { line.outgoing }

    /// Runs the command while `pieces`, the caller's frames, come; `outgoing` is finished then.
    ///
    /// The process of one whose caller leaves is ended.
    package func run<Pieces: AsyncSequence & Sendable>(reading pieces: Pieces) async where Pieces.Element == [UInt8] {
        let ending = await withTaskGroup(of: Ending?.self) { group in
            group.addTask { await self.listen(to: pieces) }
            group.addTask { await self.command() }
            group.addTask {
                await self.line.silence()
                return .callerLeft
            }
            group.addTask {
                do { try await Task.sleep(for: Self.longest) } catch { return nil }
                return .failed("the command was ended: it has run for 24 hours")
            }
            group.addTask {
                await self.line.beat()
                return nil
            }
            var ending: Ending?
            while ending == nil, let next = await group.next() { ending = next }
            if let last = ending?.lastFrame {
                group.addTask {
                    await self.close(with: last)
                    return .callerLeft
                }
                while let next = await group.next() { if case .callerLeft? = next { break } }
            }
            group.cancelAll()
            return ending ?? .callerLeft
        }
        input.finish()
        line.outgoing.finish()
        if case .exited = ending { return }
        desk.leave(ExecDesk.Left(execution: execution, container: container, request: request, place: place))
    }

    /// Says the last word; the caller ends its side when it has heard it.
    private func close(with last: ExecFrame) async {
        do {
            try await line.send(last)
            try await Task.sleep(for: Self.farewell)
        } catch {
            // The caller is gone.
        }
    }

    // MARK: from the caller

    private func listen<Pieces: AsyncSequence>(to pieces: Pieces) async -> Ending where Pieces.Element == [UInt8] {
        do {
            try await line.receive(pieces) { frame in
                switch frame {
                case .stdin(let data):
                    guard input.offer(data) else { throw JSONError("more input came than may be under way") }
                case .stdinEnd: input.finish()
                case .resize(let rows, let columns): await resize(rows, columns)
                case .stdout, .stderr, .exit, .error, .heartbeat, .taken: break
                }
            }
            return .callerLeft
        } catch let error as JSONError {
            return .failed("what the caller sent cannot be read: \(error)")
        } catch {
            return .callerLeft
        }
    }

    private func resize(_ rows: Int, _ columns: Int) async {
        let isBegun = size.withLock { size in
            size.last = (rows, columns)
            return size.isBegun
        }
        guard isBegun, request.hasTerminal else { return }
        do {
            try await desk.engine.resize(execution, rows: rows, columns: columns)
        } catch {
            // It has ended meanwhile, or goes on in its old size.
        }
    }

    // MARK: the command

    private func command() async -> Ending {
        var trouble: String?
        do {
            try await desk.engine.attach(
                to: execution,
                hasTerminal: request.hasTerminal,
                began: {
                    let first = size.withLock { size in
                        size.isBegun = true
                        return size.last
                    }
                    if let first { await resize(first.rows, first.columns) }
                },
                input: { [self] in await feed($0) },
                output: { piece in
                    try await line.send(piece.bytes) { piece.stream == .out ? .stdout($0) : .stderr($0) }
                }
            )
        } catch is CancellationError {
            return .callerLeft
        } catch is BytePipe.Finished {
            return .callerLeft
        } catch {
            trouble = "\(error)"
        }
        return await end(after: trouble)
    }

    /// Its exit code, once it has ended.
    private func end(after trouble: String?) async -> Ending {
        var pause = Self.shortestPause
        do {
            while true {
                switch try await desk.engine.progress(of: execution) {
                case .ended(let code): return .exited(code: code)
                case .unknown:
                    return .failed(trouble ?? "the engine did not begin the command, or no longer knows of it")
                // It has closed its output, and goes on.
                case .runs: if let trouble { return .failed(trouble) }
                }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        } catch is CancellationError {
            return .callerLeft
        } catch {
            return .failed(trouble ?? "\(error)")
        }
    }

    /// Hands on what the caller sends; a command that does not read any more has it taken all the same.
    private func feed(_ command: ExecutionInput) async {
        var isRead = request.readsInput
        do {
            while let bytes = try await input.next() {
                if isRead {
                    do {
                        try await command.write(bytes)
                    } catch {
                        isRead = false
                    }
                }
                try await line.send(.taken(bytes: bytes.count))
            }
            if request.readsInput { command.end() }
        } catch {
            // The command has ended, or its caller has left.
        }
    }
}

extension ExecSession.Ending {
    /// What the caller is told; `nil` if it is not there.
    fileprivate var lastFrame: ExecFrame? {
        switch self {
        case .exited(let code): .exit(code: code)
        case .failed(let reason): .error(reason)
        case .callerLeft: nil
        }
    }
}
