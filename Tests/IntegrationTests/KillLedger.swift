import ApusClient
import ApusModel
import Testing

/// What a cluster has accepted, and what must therefore be found at the end.
struct KillLedger {
    /// What became of an application.
    enum Fate: Hashable {
        case absent
        case kept(Int)
    }

    struct Run {
        /// `nil`: it runs until it is killed.
        var code: Int?
        /// False while only a lost answer could tell whether it was accepted.
        var isAccepted: Bool
    }

    /// More than one fate if an answer was lost with the process.
    private(set) var fates: [AppID: Set<Fate>] = [:]
    /// Instances that a STOP or a REPLACE was accepted for.
    private(set) var leaving: [InstanceID: AppID] = [:]
    private(set) var runs: [TaskID: Run] = [:]
    private var killed: Set<TaskID> = []
    /// How often each kind of request was accepted, refused, cut off.
    private var counts: [String: [KillRequest.Answer: Int]] = [:]

    mutating func note(_ request: KillRequest, _ answer: KillRequest.Answer) {
        counts[request.kind, default: [:]][answer, default: 0] += 1
        guard answer != .refused else { return }
        switch request {
        case .create(let app, let count), .scale(let app, let count): note(app, .kept(count), answer)
        case .suspend(let app): note(app, .kept(0), answer)
        case .destroy(let app): note(app, .absent, answer)
        case .replace(let app, let instances), .stop(let app, let instances):
            guard answer == .accepted else { return }
            for instance in instances { leaving[instance] = app }
        case .run(let id, let code, _): runs[id] = Run(code: code, isAccepted: answer == .accepted)
        case .kill(let id): if answer == .accepted { killed.insert(id) }
        }
    }

    private mutating func note(_ app: AppID, _ fate: Fate, _ answer: KillRequest.Answer) {
        if answer == .accepted { fates[app] = [fate] } else { fates[app, default: [.absent]].insert(fate) }
    }

    /// Tasks that only a kill ends.
    var endless: [TaskID] { runs.filter { $1.code == nil }.keys.sorted() }

    /// Those of them that are still to be killed.
    var unkilled: [TaskID] { endless.filter { !killed.contains($0) } }

    /// For people: accepted, refused and cut off, of each kind.
    var summary: String {
        counts.sorted { $0.key < $1.key }.map { kind, answers in
            let parts = [KillRequest.Answer.accepted, .refused, .none].map { "\(answers[$0] ?? 0)" }
            return "\(kind) \(parts.joined(separator: "/"))"
        }.joined(separator: ", ") + " (accepted/refused/cut off)"
    }

    // MARK: at the end

    /// Waits until every application is as it was accepted, and nothing is under way.
    ///
    /// - Returns: how many instances there are now.
    func expectApplications(_ cluster: DevCluster) async throws -> Int {
        try await cluster.eventually("all operations end") {
            let busy = try await cluster.api.applications().filter { $0.operation != nil }
            try check(busy.isEmpty, "\(busy.map { "\($0.id) \($0.state)" })")
        }
        let known = try await cluster.api.applications()
        var instances = 0
        for (app, fates) in fates.sorted(by: { $0.key < $1.key }) {
            let listed = known.first { $0.id == app }
            let fate = listed.map { Fate.kept($0.expected) } ?? .absent
            #expect(fates.contains(fate), "\(app) was accepted as \(fates), and is \(fate)")
            guard let listed else { continue }
            try await cluster.settle(app, at: listed.expected)
            instances += listed.expected
            let live = try await cluster.api.instances(of: app).map(\.id)
            let stayed = live.filter { leaving[$0] != nil }
            #expect(stayed.isEmpty, "\(app): their stop or replacement was accepted, and they are still there")
            // Nothing but an operation ends an instance: no kill of Apus does.
            for ended in try await cluster.api.endedInstances(of: app, atMost: 1000) {
                #expect(ended.json["cause"]?["kind"]?.text == "STOPPED", "\(ended.id) ended: \(ended.json.serialized)")
            }
        }
        return instances
    }

    /// Waits until every task that was accepted has ended, each as it must and after one start.
    func expectTasks(_ cluster: DevCluster, _ watch: KillWatch) async throws {
        for (id, run) in runs.sorted(by: { $0.key < $1.key }) {
            do {
                _ = try await cluster.task(id)
            } catch let error as ClientError where error.code == .notFound {
                #expect(!run.isAccepted, "\(id) was accepted and is gone")
                #expect(watch.starts(of: id) == 0, "\(id) is not known, and was started")
                continue
            }
            let (result, error) = try await cluster.ended(id)
            let expected = run.code.map { $0 == 0 ? "SUCCESSFUL 0" : "FAILED \($0)" } ?? "CANCELLED -1"
            #expect(result == expected, "\(id): \(error)")
            let starts = watch.starts(of: id)
            #expect(starts == 1 || starts == 0 && run.code == nil, "\(id) was started \(starts) times")
        }
    }
}
