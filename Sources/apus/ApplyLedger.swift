import ApusClient
import ApusModel
import Synchronization

/// What has come of each document of a plan so far; an interruption may ask at any time.
final class ApplyLedger: Sendable {
    private enum Outcome {
        case notReached
        case underWay
        /// As it is then, if there is something to show.
        case done(JSON?)
        case failed(CommandFailure)
    }

    private let entries: [ApplyPlan.Entry]
    private let outcomes: Mutex<[Outcome]>

    init(_ entries: [ApplyPlan.Entry]) {
        self.entries = entries
        outcomes = Mutex(Array(repeating: .notReached, count: entries.count))
    }

    func begin(_ index: Int) { outcomes.withLock { $0[index] = .underWay } }

    func end(_ index: Int, _ result: JSON?) { outcomes.withLock { $0[index] = .done(result) } }

    /// Ends what is under way.
    func fail(because failure: CommandFailure) {
        outcomes.withLock { outcomes in
            for index in outcomes.indices {
                if case .underWay = outcomes[index] { outcomes[index] = .failed(failure) }
            }
        }
    }

    /// What is told when Ctrl-C ends the waiting.
    var interruption: String {
        let current = ids { if case .underWay = $0 { true } else { false } }
        let text = current.map { "what was asked of \($0) goes on if it was accepted. Look with: apus status \($0)" }
        return (["No longer waiting; " + (text.first ?? "nothing was under way.")] + rest).joined(separator: "\n")
    }

    /// What was done, and what was not begun, for people; empty if there is but one document.
    var rest: [String] {
        guard entries.count > 1 else { return [] }
        let done = ids { if case .done = $0 { true } else { false } }
        let left = ids { if case .notReached = $0 { true } else { false } }
        return [
            done.isEmpty ? "Nothing was done before it." : "Done before it: \(done.joined(separator: ", "))",
            left.isEmpty ? "Nothing was left after it." : "Not begun: \(left.joined(separator: ", "))",
        ]
    }

    var json: JSON {
        let outcomes = outcomes.withLock(\.self)
        let documents = zip(entries, outcomes).map { entry, outcome in
            var members = entry.json
            switch outcome {
            case .notReached: members.append(JSON.Member("outcome", "NOT_BEGUN"))
            case .underWay: members.append(JSON.Member("outcome", "UNDER_WAY"))
            case .done(let result):
                members.append(JSON.Member("outcome", "DONE"))
                if let result { members.append(JSON.Member("result", result)) }
            case .failed(let failure):
                members.append(JSON.Member("outcome", failure.code == .interrupted ? "INTERRUPTED" : "FAILED"))
                members.append(JSON.Member("error", .string(failure.message)))
            }
            return JSON.object(members)
        }
        return .members(["documents": .array(documents)])
    }

    private func ids(_ matches: (Outcome) -> Bool) -> [String] {
        let outcomes = outcomes.withLock(\.self)
        return zip(entries, outcomes).filter { matches($0.1) }.map(\.0.id)
    }
}
