import Foundation

/// A program that was run to its end.
struct Run: Sendable {
    var code: Int32
    var output: String
    var errors: String
}

/// A program under way.
final class Program: @unchecked Sendable {
    // After its start it is only asked and signalled, which is a mere kill().
    private let process = Process()
    private let (output, errors) = (Pipe(), Pipe())
    private let ended: AsyncStream<Void>

    init(_ path: String, _ arguments: [String], endpoint: String = "", environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let usual = ["APUS_ENDPOINT": endpoint, "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"]
        process.environment = usual.merging(environment) { $1 }
        (process.standardOutput, process.standardError) = (output, errors)
        process.standardInput = FileHandle.nullDevice
        let (stream, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        ended = stream
        process.terminationHandler = { _ in end.finish() }
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func interrupt() { process.interrupt() }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// `kill -9`.
    func kill9() { kill(process.processIdentifier, SIGKILL) }

    /// What it prints fits into the pipes.
    func end() async throws -> Run {
        for await _ in ended {}
        return Run(
            code: process.terminationStatus,
            output: String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self),
            errors: String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        )
    }
}
