import ApusTestKit
import Foundation
import Synchronization

/// A program on a machine of a lab, which can be ended, stopped for a while and started again.
package final class LabProcess: Sendable {
    package let machine: Lab.Machine
    package let log: String
    private let lab: Lab
    private let words: [String]
    private let sign = Mutex<ProcessSign?>(nil)

    /// `words` are the program and its arguments.
    package init(_ words: [String], on machine: Lab.Machine, of lab: Lab, log: String) {
        self.words = words
        self.machine = machine
        self.lab = lab
        self.log = log
    }

    /// Starts it; it must not run.
    package func start() async throws {
        precondition(!isRunning, "\(words[0]) runs already")
        let pid = try await lab.begin(words, on: machine, log: log)
        guard let begun = ProcessSign(of: pid) else { throw Unfulfilled("\(words[0]) ended at once:\n\(logTail)") }
        sign.withLock { $0 = begun }
    }

    package var isRunning: Bool { sign.withLock { $0 }?.isRunning ?? false }

    /// The last lines that it wrote, in all its lives.
    package var logTail: String {
        let said = FileManager.default.contents(atPath: log) ?? Data()
        return String(decoding: said.suffix(4_000), as: UTF8.self)
    }

    /// `kill -9`, and its end awaited.
    package func kill9() async throws {
        signal(SIGKILL)
        try await end(within: .seconds(10))
    }

    /// SIGTERM, and its end awaited.
    package func terminate() async throws {
        signal(SIGTERM)
        try await end(within: .seconds(60))
    }

    /// It does nothing any more, until it is to go on.
    package func pause() { signal(SIGSTOP) }

    package func goOn() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        guard let sign = sign.withLock({ $0 }), sign.isRunning else { return }
        kill(sign.pid, number)
    }

    private func end(within limit: Duration) async throws {
        try await eventually("\(words[0]) on \(machine.address) ends", within: limit) { !isRunning }
    }
}
