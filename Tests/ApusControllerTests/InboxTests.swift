import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Synchronization
import Testing

/// Collects what several tasks saw.
final class Recorder<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
}

@Suite struct InboxTests {
    private let inbox = Inbox(time: ManualTime().source)

    @Test func `a command beyond the bound is refused at once`() async throws {
        inbox.open()
        await withDiscardingTaskGroup { group in
            for _ in 0..<Inbox.mostCommands {
                group.addTask { _ = await inbox.submit(.application(.recover(AppID("A-1")))) }
            }
            do {
                try await eventually("all wait") { inbox.callers == Inbox.mostCommands }
            } catch {
                Issue.record(error)
            }
            guard case .busy = await inbox.submit(.application(.recover(AppID("A-1")))) else {
                Issue.record("one more was taken")
                inbox.close("the test is over")
                return
            }
            for case .command(let request, _) in inbox.drain() { inbox.answer(request, .refused([])) }
        }
        #expect(inbox.callers == 0)
    }

    @Test func `of ten thousand executors that report at once only so many wait, and the others come again`()
        async throws
    {
        inbox.open()
        let refused = Recorder<Int>()
        let count = 10_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { inbox.close("the test is over") }
            for number in 0..<count {
                group.addTask {
                    var report = fullReport()
                    report.identity.id = ExecutorID("executor-\(number)")
                    if case .busy = await inbox.submit(report) { refused.add(number) }
                }
            }
            try await eventually("all others were told to come again") {
                refused.all.count == count - Inbox.mostReports
            }
            #expect(inbox.drain().count == Inbox.mostReports)
            // The next may come while those that were taken are decided.
            group.addTask { _ = await inbox.submit(fullReport()) }
            try await eventually("it waits") { inbox.callers == Inbox.mostReports + 1 }
        }
    }

    @Test func `reports of one run of an executor coalesce to the latest, and all callers get its answer`() async throws
    {
        inbox.open()
        let answers = Recorder<ReportAnswer>()
        let answer = ReportAnswer(
            verdict: .applied,
            epoch: 1,
            canCommit: true,
            applied: 9,
            settled: [],
            reason: ""
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            for revision: Int64 in [3, 9, 4] {
                group.addTask {
                    if case .answer(let answer) = await inbox.submit(fullReport(revision: revision)) {
                        answers.add(answer)
                    }
                }
            }
            try await eventually("all three wait") { inbox.callers == 3 }
            let inputs = inbox.drain()
            #expect(inputs.count == 1)
            for case .report(let request, let report, isListed: _, source: _) in inputs {
                #expect(report.revision == 9)
                inbox.answer(request, answer)
            }
            try await group.waitForAll()
        }
        #expect(answers.all == [answer, answer, answer])
    }

    @Test func `who is waited for at its end was surely not heard only if the loop has taken nothing of theirs`()
        async throws
    {
        inbox.open()
        async let first = inbox.submit(.application(.recover(AppID("A-1"))))
        try await eventually("one waits") { inbox.callers == 1 }
        _ = inbox.drain()
        async let second = inbox.submit(.application(.recover(AppID("A-2"))))
        try await eventually("both wait") { inbox.callers == 2 }
        inbox.close("the test is over")
        guard case (.inDoubt(let text), .unavailable("the test is over")) = await (first, second) else {
            Issue.record("they were told \(await first) and \(await second)")
            return
        }
        #expect(text.contains("is not known, for the test is over"))
    }

    @Test func `before it is open and after it is closed everyone is told why`() async {
        guard case .unavailable("the controller is starting") = await inbox.submit(fullReport()) else {
            Issue.record("a report was taken")
            return
        }
        inbox.open()
        inbox.close("over")
        guard case .unavailable("over") = await inbox.submit(.application(.recover(AppID("A-1")))) else {
            Issue.record("a command was taken")
            return
        }
    }
}
