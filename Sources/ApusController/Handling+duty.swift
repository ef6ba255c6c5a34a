import ApusEngine
import ApusModel
import HashTreeCollections

/// Executors excluded from work and taken back (contract §1.4, §5.6), suspended, resumed and retired.
extension Handling {
    // MARK: blacklisting

    func blacklist() async throws(APIRefusal) -> APIAnswer {
        await order(.blacklist, try selection()) { change in
            let message =
                change.done.isEmpty
                ? "Blacklisting messages could not be sent to any of the executors."
                : "Blacklisting successful and app movement scheduled"
            return response(change, message, movingWithin: movement(from: change.done))
        }
    }

    func unblacklist() async throws(APIRefusal) -> APIAnswer {
        await order(.unblacklist, try selection()) { change in
            let message =
                change.failed.isEmpty
                ? "Unblacklisting successful for all executors"
                : "Unblacklisting successful for some executors. Check logs for details."
            return response(change, message, movingWithin: .zero)
        }
    }

    /// BlacklistOperationResponse, and after its keys why some failed.
    private func response(_ change: DutyChange, _ message: String, movingWithin span: Duration) -> APIAnswer {
        let reasons = change.failed.map { JSON.string("Executor \($0.executor) \($0.reason)") }
        return .success(
            .members([
                "successful": .array(change.done.map(\.json)),
                "failed": .array(change.failed.map(\.executor.json)),
                "approxCompletionTimeMs": .integer(span.milliseconds), "message": .string(message),
                "reasons": reasons.isEmpty ? nil : .array(reasons),
            ])
        )
    }

    /// The longest that it may take until no application's instance is left on these executors: one of an application
    /// moves at a time.
    private func movement(from executors: [ExecutorID]) -> Duration {
        var counts: [AppID: Int] = [:]
        for id in executors.flatMap({ state.members[$0]?.instances ?? [] }) {
            if let app = state.instances[id]?.app { counts[app, default: 0] += 1 }
        }
        return counts.reduce(.zero) { longest, entry in
            max(longest, (state.applications[entry.key]?.spec.longestReplacement ?? .zero) * entry.value)
        }
    }

    /// In maintenance Drove's clients are told so with a 200.
    private func order(
        _ order: DutyOrder,
        _ selection: ExecutorSelection,
        done: (DutyChange) -> APIAnswer
    ) async -> APIAnswer {
        await change(.cluster(.order(order, selection))) { texts in
            texts == [ClusterFacts.maintenanceText]
                ? .failed(200, ClusterFacts.maintenanceText) : APIAnswer(SpecRefusal.violations(texts))
        } done: { outcome in
            guard case .cluster(.executors(let change)) = outcome else {
                return .failed(500, "Unexpected Server error")
            }
            return done(change)
        }
    }

    // MARK: suspending

    /// With `dryRun=true` nothing is changed: it says which tasks would fail at once.
    func suspendExecutors() async throws(APIRefusal) -> APIAnswer {
        let selection = try selection()
        let atOnce = try isAtOnce()
        guard try call.flag("dryRun") else {
            let suspension: DutyOrder.Suspension =
                atOnce ? .atOnce(isConfirmed: try call.flag("confirm")) : .finishing
            return await order(.suspend(suspension), selection) { dutyAnswer($0.done, atOnce: atOnce) }
        }
        let (chosen, unknown, nobody) = state.members(in: selection)
        let faults = nobody + unknown.map { "Executor \($0) is not known" }
        guard faults.isEmpty else { throw .spec(.violations(faults)) }
        return dutyAnswer(chosen.map(\.id), atOnce: atOnce)
    }

    func resumeExecutors() async throws(APIRefusal) -> APIAnswer {
        await order(.resume, try selection()) { dutyAnswer($0.done) }
    }

    func retireExecutors() async throws(APIRefusal) -> APIAnswer {
        await order(.retire, try selection()) { dutyAnswer($0.done) }
    }

    /// The executors, and of a suspension at once the tasks that it ends.
    private func dutyAnswer(_ executors: [ExecutorID], atOnce: Bool = false) -> APIAnswer {
        let tasks = atOnce ? state.tasks(on: executors.compactMap { state.members[$0] }) : []
        let failing = tasks.map { task, member -> JSON in
            .members([
                "sourceAppName": .string(task.source), "taskId": .string(task.name), "executorId": member.id.json,
                "hostname": .string(member.hostname),
            ])
        }
        return .success(
            .members(["executors": .array(executors.map(\.json)), "failingTasks": atOnce ? .array(failing) : nil])
        )
    }

    private func isAtOnce() throws(APIRefusal) -> Bool {
        switch call.values("mode").last ?? "finish" {
        case "finish": return false
        case "now": return true
        case let other:
            throw .spec(.violations(["query param mode must be one of [finish, now], not \(other)"]))
        }
    }

    // MARK: which

    /// That of the path, or those of the query: ids, tags and zones together.
    private func selection() throws(APIRefusal) -> ExecutorSelection {
        _ = try call.json()
        if let id = call.parameters.first { return ExecutorSelection(ids: [ExecutorID(id)]) }
        let selection = ExecutorSelection(
            ids: call.values("id").filter { !$0.isEmpty }.map { ExecutorID($0) },
            tags: call.values("tag").filter { !$0.isEmpty },
            zones: call.values("zone").filter { !$0.isEmpty }
        )
        guard selection != ExecutorSelection() else {
            throw .spec(.violations(["query param id must not be empty"]))
        }
        return selection
    }
}
