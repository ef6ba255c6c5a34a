import ApusClient
package import ApusModel
import Synchronization

/// What instances use, asked of their executors when somebody wants to know.
package final class UsageDesk: Sendable {
    /// Asks the executor at a base URL.
    package typealias Ask = @Sendable (_ url: String) async throws -> [InstanceUsage]

    /// Executors that are asked at once.
    private static let mostAtOnce = 16

    private struct Round {
        var at: ContinuousClock.Instant
        var answers: [ExecutorID: Answer]
    }

    /// What an executor said, or why it said nothing.
    package enum Answer: Hashable, Sendable {
        case measured([InstanceUsage])
        case silent(String)
    }

    private let ask: Ask
    private let freshness: Duration
    private let limit: Duration
    private let gate = Gate(limit: 1)
    private let last = Mutex<Round?>(nil)

    /// What was heard within `freshness` is not asked for again; whoever was not asked within `limit` is not asked.
    package init(freshness: Duration = .seconds(2), limit: Duration = .seconds(8), ask: @escaping Ask) {
        self.freshness = freshness
        self.limit = limit
        self.ask = ask
    }

    /// Of each of these executors.
    ///
    /// - Throws: `CancellationError` if the task was cancelled.
    package func answers(of executors: [ExecutorID: String]) async throws -> [ExecutorID: Answer] {
        try await gate.pass {
            let known = last.withLock { round in
                round.flatMap { ContinuousClock.now - $0.at < freshness ? $0.answers : nil }
            }
            if let known { return known }
            let answers = await round(executors)
            try Task.checkCancellation()
            last.withLock { $0 = Round(at: .now, answers: answers) }
            return answers
        }
    }

    private func round(_ executors: [ExecutorID: String]) async -> [ExecutorID: Answer] {
        let end = ContinuousClock.now + limit
        return await withTaskGroup(of: (ExecutorID, Answer).self) { group in
            var waiting = executors.sorted { $0.key < $1.key }[...]
            var answers: [ExecutorID: Answer] = [:]
            func next() {
                guard ContinuousClock.now < end, let (id, url) = waiting.popFirst() else { return }
                group.addTask { (id, await self.answer(of: url)) }
            }
            for _ in 0..<Self.mostAtOnce { next() }
            for await (id, answer) in group {
                answers[id] = answer
                next()
            }
            for (id, _) in waiting { answers[id] = .silent("it was not asked: others took too long to answer") }
            return answers
        }
    }

    private func answer(of url: String) async -> Answer {
        do {
            return .measured(try await ask(url))
        } catch {
            return .silent("\(error)")
        }
    }
}
