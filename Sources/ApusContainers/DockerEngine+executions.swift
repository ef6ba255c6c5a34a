package import ApusModel
import NIOCore
import NIOHTTP1

/// How far a command in a container is.
package enum ExecutionProgress: Hashable, Sendable {
    /// `pid` is that of its process, as the host counts; 0 if the engine does not say yet.
    case runs(pid: Int)
    case ended(code: Int64)
    /// The engine does not know of it, or has not begun it.
    case unknown
}

/// What a command has written.
package struct ExecutionPiece: Hashable, Sendable {
    package enum Stream: Hashable, Sendable {
        case out, err
    }

    package var stream: Stream
    package var bytes: [UInt8]

    package init(stream: Stream, bytes: [UInt8]) {
        self.stream = stream
        self.bytes = bytes
    }
}

/// Where a command reads from.
package struct ExecutionInput: Sendable {
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    /// Returns once the engine has room for it.
    package func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

    /// The command reads to the end; what it writes still comes.
    package func end() { outbound.finish() }
}

/// Commands in containers that somebody speaks with, by the engine's id of each.
extension DockerEngine {
    /// How long the engine has to begin a command that it has made ready.
    private static let beginning = Duration.seconds(20)
    private static let question = Duration.seconds(2)
    /// The engine waits for the command to begin.
    private static let resizing = Duration.seconds(10)
    /// Keys on which the engine would let go of a terminal; by default, Ctrl-P would wait for the key behind it.
    private static let detachKeys: JSON = "ctrl-@,ctrl-^,ctrl-@,ctrl-_"

    /// Makes a command ready in a running container, and begins nothing.
    ///
    /// Throws `conflict` if the container does not run, `notFound` if it is not there.
    package func prepare(_ request: ExecRequest, in container: ContainerID) async throws -> String {
        let doing = "running a command in container \(container)"
        let answer = try await call(
            .POST,
            "/containers/\(Self.part(container))/exec",
            body: .members([
                "AttachStdin": .bool(request.readsInput), "AttachStdout": true, "AttachStderr": true,
                "Tty": .bool(request.hasTerminal), "DetachKeys": request.hasTerminal ? Self.detachKeys : nil,
                "User": request.user.map { .string($0) }, "WorkingDir": request.directory.map { .string($0) },
                "Env": request.environment.isEmpty ? nil : .array(request.environment.map { .string($0) }),
                "Cmd": .array(request.command.map { .string($0) }),
            ]),
            accepting: [201],
            doing: doing
        )
        return try answer.decoded(doing: doing) { json throws(JSONError) in try json.string("Id") }
    }

    /// Begins a command and returns at the end of what it writes, or when its streams are closed otherwise: its process
    /// may run on then.
    ///
    /// `input` writes to it beside that, and is cancelled at the end; `output` may take its time: the command is held
    /// back meanwhile.
    package func attach(
        to execution: String,
        hasTerminal: Bool,
        began: () async -> Void,
        input: @escaping @Sendable (ExecutionInput) async -> Void,
        output: (ExecutionPiece) async throws -> Void
    ) async throws {
        try await connection.hijack(
            try await versioned("/exec/\(execution)/start"),
            body: ["Detach": false, "Tty": .bool(hasTerminal)],
            beginningWithin: Self.beginning,
            doing: "running a command"
        ) { first, rest, outbound in
            await began()
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await input(ExecutionInput(outbound: outbound)) }
                var frames = ExecutionFrames(hasTerminal: hasTerminal)
                for piece in try frames.take(first) { try await output(piece) }
                while let chunk = try await rest.next(isolation: #isolation) {
                    for piece in try frames.take(chunk.readableBytesView) { try await output(piece) }
                }
                // A cancelled stream just ends.
                try Task.checkCancellation()
            }
        }
    }

    /// How far a command is; throws `ContainerError` if the engine does not answer.
    package func progress(
        of execution: String,
        _ doing: String = "looking at a command"
    ) async throws -> ExecutionProgress {
        let answer = try await call(
            .GET,
            "/exec/\(execution)/json",
            within: Self.question,
            accepting: [200, 404],
            doing: doing
        )
        guard answer.status == 200 else { return .unknown }
        return try answer.decoded(doing: doing) { json throws(JSONError) in
            if try json.bool("Running") { return .runs(pid: json["Pid"] == nil ? 0 : try json.int("Pid")) }
            return json["ExitCode"] == nil ? .unknown : .ended(code: try json.integer("ExitCode"))
        }
    }

    /// Its terminal has another size; one that has none, or has ended, throws.
    package func resize(_ execution: String, rows: Int, columns: Int) async throws {
        _ = try await call(
            .POST,
            "/exec/\(execution)/resize",
            query: ["h": String(rows), "w": String(columns)],
            within: Self.resizing,
            accepting: [200, 201, 204],
            doing: "resizing a terminal"
        )
    }
}

/// Takes what a command writes apart: without a terminal a frame is one byte for the stream, three of zero, four for the
/// length (big-endian), then what was written.
///
/// Nothing is held back: of a long frame each part comes as it is there.
package struct ExecutionFrames: Sendable {
    private let hasTerminal: Bool
    private var head: [UInt8] = []
    private var stream = ExecutionPiece.Stream.out
    private var unreadOfFrame = 0

    package init(hasTerminal: Bool) { self.hasTerminal = hasTerminal }

    /// What has come since, without empty pieces.
    package mutating func take(_ chunk: some Collection<UInt8>) throws(ContainerError) -> [ExecutionPiece] {
        guard !hasTerminal else { return chunk.isEmpty ? [] : [ExecutionPiece(stream: .out, bytes: Array(chunk))] }
        var pieces: [ExecutionPiece] = []
        var rest = chunk[...]
        while !rest.isEmpty {
            if unreadOfFrame > 0 {
                let data = rest.prefix(unreadOfFrame)
                unreadOfFrame -= data.count
                rest = rest.dropFirst(data.count)
                pieces.append(ExecutionPiece(stream: stream, bytes: Array(data)))
            } else {
                let part = rest.prefix(8 - head.count)
                head.append(contentsOf: part)
                rest = rest.dropFirst(part.count)
                guard head.count == 8 else { break }
                try begin()
            }
        }
        return pieces
    }

    private mutating func begin() throws(ContainerError) {
        switch head[0] {
        case 0, 1: stream = .out
        // 3 is the engine's own trouble.
        case 2, 3: stream = .err
        case let kind:
            throw ContainerError(
                .unreadable,
                doing: "reading what a command writes",
                message: "the engine's stream cannot be read: a stream of kind \(kind)"
            )
        }
        unreadOfFrame = head[4...].reduce(0) { $0 << 8 | Int($1) }
        head.removeAll(keepingCapacity: true)
    }
}
