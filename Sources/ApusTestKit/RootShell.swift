import Dispatch
import Foundation
import Synchronization

/// One shell for all that a test or a benchmark needs root for; it is root's by itself or through sudo.
///
/// Each child that this process itself makes holds, for a moment, every file that is open here; other tests take locks.
package final class RootShell: Sendable {
    private static let patience = Duration.seconds(120)

    private let input = Pipe()
    private let output = Pipe()

    /// Where it is waited for what the shell says; one line at a time.
    private let queue = DispatchQueue(label: "root shell")
    private let process = Process()
    /// A line that did not end in time; what it may say yet is no answer to the next one.
    private let stuck = Mutex<String?>(nil)

    /// `clear` is a command of it, and runs at its end too, which comes with that of this process at the latest.
    ///
    /// It has a session of its own: what ends all of a test run leaves it the time to clear.
    package init(clearing: String) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = (geteuid() == 0 ? [] : ["sudo", "-n"]) + ["setsid", "--wait", "sh"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try tell("clear() {\n\(clearing)\n}\ntrap 'clear >/dev/null 2>&1' EXIT\n")
    }

    /// The status with which a line ends.
    ///
    /// After two minutes an error is thrown, by this line and by each later one; the shell ends, and clears, once this
    /// line does.
    package func run(_ line: String) async throws -> Int32 {
        try await number(after: "{ \(line)\n} </dev/null >/dev/null 2>&1; echo $?\n")
    }

    /// Begins a line that goes on by itself, and outlives the shell.
    ///
    /// - Returns: the id of its process, which is that of a program that it begins with `exec`.
    package func begin(_ line: String) async throws -> Int32 {
        try await number(after: "{ \(line)\n} </dev/null >/dev/null 2>&1 & echo $!\n")
    }

    /// It clears and ends.
    package func close() throws { try input.fileHandleForWriting.close() }

    private func number(after command: String) async throws -> Int32 {
        try await withCheckedThrowingContinuation { next in
            queue.async { [self] in next.resume(with: Result { try answer(to: command) }) }
        }
    }

    private static let ended = Unfulfilled("the root shell has ended; it needs root, or sudo without a password")

    private func tell(_ text: String) throws {
        do {
            try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        } catch {
            throw Self.ended
        }
    }

    private func answer(to command: String) throws -> Int32 {
        if let stuck = stuck.withLock(\.self) { throw Self.late(stuck) }
        try tell(command)
        let end = ContinuousClock.now + Self.patience
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            guard isReadable(until: end) else {
                stuck.withLock { $0 = command }
                throw Self.late(command)
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Self.ended }
            answer += more
        }
        guard let number = Int32(String(decoding: answer.dropLast(), as: UTF8.self)) else {
            throw Unfulfilled("the root shell answered \(String(decoding: answer, as: UTF8.self))")
        }
        return number
    }

    private static func late(_ command: String) -> Unfulfilled {
        Unfulfilled("the root shell did not end this within \(patience): \(command)")
    }

    /// Waits until the shell says something, or has ended.
    private func isReadable(until end: ContinuousClock.Instant) -> Bool {
        while true {
            let left = (end - .now).components
            guard left.seconds >= 0, left.attoseconds >= 0 else { return false }
            var place = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            if poll(&place, 1, Int32(left.seconds + 1) * 1_000) > 0 { return true }
        }
    }
}
