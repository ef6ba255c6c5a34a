import ApusClient
import ApusModel
import Synchronization
import Testing

/// Requests that go on while something else happens to a cluster: pages of services, which must always be answered, and
/// short tasks, of which each that was accepted must run once.
final class RequestsMeanwhile: Sendable {
    /// One instance's, which has its id in it.
    struct Page: Sendable {
        var url: String
        var instance: InstanceID
    }

    private struct State {
        var answered = 0
        var unanswered: [String] = []
        /// Whether each was accepted; `false` also if that was not told.
        var tasks: [TaskID: Bool] = [:]
    }

    /// That of its tasks.
    static let source = "MEANWHILE"
    private static let pauseOfPages = Duration.milliseconds(100)
    private static let pauseOfTasks = Duration.seconds(1)

    private let pages: [Page]
    private let api: APIClient
    private let state = Mutex(State())

    init(of pages: [Page], on api: APIClient) {
        self.pages = pages
        self.api = api
    }

    /// Asks until its task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in await askForPages() }
            group.addTask { [self] in await askForTasks() }
        }
    }

    private func askForPages() async {
        while !Task.isCancelled {
            for page in pages {
                do {
                    let text = try await get(page.url)
                    try check(text.contains(page.instance.rawValue), "somebody else answers: \(text)")
                    state.withLock { $0.answered += 1 }
                } catch {
                    if !Task.isCancelled { state.withLock { $0.unanswered.append("\(page.url): \(error)") } }
                }
            }
            // deadline: the test's own, which cancels it.
            try? await Task.sleep(for: Self.pauseOfPages)
        }
    }

    private func askForTasks() async {
        var number = 0
        while !Task.isCancelled {
            number += 1
            let id = TaskID(source: Self.source, name: "T\(number)")
            var isAccepted = true
            do {
                try await api.operateTask([
                    "type": "CREATE", "spec": shellTask(id, "exit 0"), "opSpec": DevCluster.opSpec(parallelism: 1),
                ])
            } catch {
                isAccepted = false
            }
            state.withLock { $0.tasks[id] = isAccepted }
            // deadline: the test's own, which cancels it.
            try? await Task.sleep(for: Self.pauseOfTasks)
        }
    }

    /// Every page was answered; of the tasks those that were accepted have each ended well after one start, and none of the
    /// others was started twice.
    func expectAll(of cluster: ClusterProcesses, _ watch: KillWatch) async throws {
        let state = state.withLock(\.self)
        #expect(state.unanswered.isEmpty && state.answered > 100)
        #expect(state.tasks.values.count(where: \.self) >= 10)
        for (id, isAccepted) in state.tasks.sorted(by: { $0.key < $1.key }) {
            let starts = { watch.starts(of: id) }
            guard isAccepted else {
                #expect(starts() <= 1, "\(id) was started \(starts()) times")
                continue
            }
            var result: TaskSummary.Result?
            try await cluster.eventually("\(id) has ended") {
                let task = try await cluster.api.task(id)
                result = task.result
                try check(result != nil, task.progress)
                // The engine tells of it on another way.
                try check(starts() >= 1, "its start is not known")
            }
            #expect(
                result?.status == "SUCCESSFUL" && starts() == 1,
                "\(id): \(result?.status ?? ""), \(starts()) starts"
            )
        }
    }
}
