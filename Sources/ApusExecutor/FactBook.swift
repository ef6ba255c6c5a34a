import ApusClient
import ApusModel
package import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What variables and programs tell of this machine: each subject's last good value.
package final class FactBook: Sendable {
    package typealias Subject = ExecutorSettings.Facts.Subject

    /// Of one program.
    private static let deadline = Duration.seconds(5)

    private struct State {
        var values: [Subject: String] = [:]
        /// What was said of the source that tells nothing usable now.
        var troubles: [Subject: String] = [:]
    }

    private let facts: ExecutorSettings.Facts
    private let deadline: Duration
    private let logger: Logger
    /// More programs than there may be facts never run at once.
    private let programs = Lookups(limit: NodeReport.mostMetadata + 1)
    private let state = Mutex(State())

    package init(_ facts: ExecutorSettings.Facts, deadline: Duration = FactBook.deadline, logger: Logger) {
        self.facts = facts
        self.deadline = deadline
        self.logger = logger
    }

    package var values: [Subject: String] { state.withLock { $0.values } }

    /// Asks all sources at once; one that fails keeps its last value, and that is logged when it is new.
    package func refresh() async {
        await withTaskGroup(of: (Subject, Result<String, ProgramFailure>).self) { group in
            for (subject, source) in facts.sources {
                group.addTask { (subject, await self.ask(source, of: subject)) }
            }
            for await (subject, answer) in group { take(answer, of: subject) }
        }
    }

    private func take(_ answer: Result<String, ProgramFailure>, of subject: Subject) {
        let isNew = state.withLock { state in
            switch answer {
            case .success(let value):
                state.values[subject] = value
                state.troubles[subject] = nil
                return false
            case .failure(let failure):
                defer { state.troubles[subject] = failure.description }
                return state.troubles[subject] != failure.description
            }
        }
        guard isNew, case .failure(let failure) = answer else { return }
        logger.warning(
            "what a machine tells of itself stays as it was",
            metadata: [
                "fact": "\(subject)", "error": "\(failure)",
            ]
        )
    }

    private func ask(_ source: ExecutorSettings.Facts.Source, of subject: Subject) async -> Result<
        String, ProgramFailure
    > {
        do {
            switch source {
            case .variable(let name):
                guard let value = getenv(name) else {
                    throw ProgramFailure(description: "the executor's environment has no variable \(name)")
                }
                return .success(try checked(Array(String(cString: value).utf8), of: subject))
            case .program(let arguments):
                let (limit, longest) = (deadline, facts.longestValue)
                let bytes = try await programs.run(within: limit + .seconds(2), doing: "running \(arguments[0])") {
                    try ProgramRun.output(of: arguments, within: limit, atMost: longest + 2)
                }
                return .success(try checked(bytes, of: subject))
            }
        } catch let failure as ProgramFailure {
            return .failure(failure)
        } catch {
            return .failure(ProgramFailure(description: "\(error)"))
        }
    }

    /// One line that may be published.
    private func checked(_ bytes: [UInt8], of subject: Subject) throws(ProgramFailure) -> String {
        var line = bytes[...]
        while let last = line.last, last <= UInt8(ascii: " ") { line.removeLast() }
        while let first = line.first, first <= UInt8(ascii: " ") { line.removeFirst() }
        guard !line.isEmpty else { throw ProgramFailure(description: "the value is empty") }
        let longest = subject == .zone ? NodeReport.longestTag : facts.longestValue
        guard line.count <= longest else {
            throw ProgramFailure(description: "the value is longer than \(longest) bytes")
        }
        guard let text = String(validating: line, as: UTF8.self), text.unicodeScalars.allSatisfy({ $0.value >= 32 })
        else {
            throw ProgramFailure(description: "the value is not one line of UTF-8")
        }
        return text
    }
}
