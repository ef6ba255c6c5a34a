import ArgumentParser
import Synchronization

/// Shows lines that match, of several instances each behind whose it is.
final class LogPrinter: Sendable {
    /// The time, the stream, and the blanks behind both.
    fileprivate static let head = 35

    fileprivate struct State {
        /// `nil` shows all.
        var pattern: Regex<AnyRegexOutput>?
        var isOfSeveral = false
    }

    private let state: Mutex<State>

    /// - Throws: `ValidationError` if that is no regular expression.
    init(matching pattern: String?) throws {
        do {
            state = Mutex(State(pattern: try pattern.map { try Regex($0) }))
        } catch {
            throw ValidationError("--grep \(pattern ?? "") is no regular expression: \(error)")
        }
    }

    /// From here on each line says whose it is.
    func expectSeveral() { state.withLock { $0.isOfSeveral = true } }

    /// Shows whole lines of one; those of another never come between.
    func show(_ lines: [Substring], of name: String) { show(lines.map { ($0, name) }) }

    /// Shows whole lines, each with the name of whose it is.
    func show(_ lines: [(text: Substring, name: String)]) {
        state.withLock { state in
            let shown = lines.filter { state.shows($0.text) }
            guard !shown.isEmpty else { return }
            // As they are: what a container writes may have colours.
            Output.part(
                shown.map { state.isOfSeveral ? "\($0.name)  \($0.text)\n" : "\($0.text)\n" }.joined()
            )
        }
    }
}

extension LogPrinter.State {
    fileprivate func shows(_ line: Substring) -> Bool {
        guard let pattern else { return true }
        let text = LogTime(of: line) == nil ? line : line.dropFirst(LogPrinter.head)
        return text.contains(pattern)
    }
}
