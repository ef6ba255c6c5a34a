package import ApusModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What became of a command in a container.
package enum CommandResult: Hashable, Sendable {
    /// `lastLine` is the last that it wrote to either stream.
    case exited(code: Int64, lastLine: String)
    /// The engine could not begin it: there is no such program, or no shell, in the image.
    case notBegun(reason: String)
    /// Its time was up.
    ///
    /// It runs on: the engine's API cannot end it. (20.10 was tried. Engines from 23.0 on end it themselves when its
    /// output is no longer followed.)
    case runsOn
    /// An earlier try of the very same command runs on, so that no second one was begun.
    case stillRuns
}

/// One command of one container.
struct ContainerCommand: Hashable, Sendable {
    var container: ContainerID
    var words: [String]
}

extension DockerEngine {
    /// How long the engine has to say, when a command's time is up, whether the command or the engine is to blame.
    private static let lastQuestion = Duration.seconds(2)
    /// Between the end of a command's output and its exit code lies next to nothing.
    private static let pause = Duration.milliseconds(20)

    /// Runs a command inside a running container, as the container's user, and waits for its end.
    ///
    /// A command that is past its time cannot be ended, so the same command is not begun again in that container
    /// before its earlier try has ended: at most one of each is there, and one more for each restart of Apus, which
    /// forgets those before it. Throws `conflict` if the container does not run and `timedOut` if the engine, rather
    /// than the command, is late: it does not answer, did not begin the command, or no longer knows of it.
    package func run(
        _ words: [String],
        in container: ContainerID,
        within limit: Duration
    ) async throws -> CommandResult {
        let deadline = ContinuousClock.now + limit
        let command = ContainerCommand(container: container, words: words)
        let doing = "running a command in container \(container)"
        if let earlier = unended(command) {
            if case .runs = try await progress(of: earlier, doing) { return .stillRuns }
            forget(command)
        }
        let execution = try await prepare(command, within: max(limit, Self.lastQuestion), doing)
        var output = CommandOutput()
        // Noted before it begins: a try that is given up may have begun.
        note(command, execution)
        do {
            output = try await follow(execution, until: deadline, doing)
        } catch let error as ContainerError where error.code == .timedOut {
            // Which of them is late? An engine that answers is not.
        }
        var progress = try await progress(of: execution, doing)
        while case .runs = progress {
            // It has closed its output and goes on, or its time is up.
            guard ContinuousClock.now < deadline else { return .runsOn }
            try await Task.sleep(for: Self.pause)
            progress = try await self.progress(of: execution, doing)
        }
        guard case .ended(let code) = progress else {
            let message = "the engine did not begin the command, or no longer knows of it"
            throw ContainerError(.timedOut, doing: doing, message: message)
        }
        forget(command)
        return result(code, output)
    }

    private func prepare(
        _ command: ContainerCommand,
        within limit: Duration,
        _ doing: String
    ) async throws -> String {
        let answer = try await call(
            .POST,
            "/containers/\(Self.part(command.container))/exec",
            body: [
                "AttachStdout": true, "AttachStderr": true, "Cmd": .array(command.words.map(JSON.string)),
            ],
            within: limit,
            accepting: [201],
            doing: doing
        )
        return try answer.decoded(doing: doing) { json throws(JSONError) in try json.string("Id") }
    }

    private func follow(
        _ execution: String,
        until deadline: ContinuousClock.Instant,
        _ doing: String
    ) async throws -> CommandOutput {
        let body = try await connection.stream(
            try await versioned("/exec/\(execution)/start"),
            method: .POST,
            body: ["Detach": false, "Tty": false],
            beginningWithin: max(deadline - .now, Self.lastQuestion),
            doing: doing
        )
        return try await connection.bounded(by: deadline - .now, doing: doing) {
            var output = CommandOutput()
            for try await chunk in body { output.take(chunk.readableBytesView) }
            // A cancelled body just ends.
            try Task.checkCancellation()
            return output
        }
    }

    private func result(_ code: Int64, _ output: CommandOutput) -> CommandResult {
        // The engine's own words come in place of the command's.
        if [126, 127].contains(code), output.lastLine.contains("exec failed") {
            return .notBegun(reason: output.lastLine)
        }
        return .exited(code: code, lastLine: output.lastLine)
    }
}
