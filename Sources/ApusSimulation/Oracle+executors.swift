import ApusAgent
import ApusModel

/// What must hold of an executor: what it records before it acts or speaks, and whom it obeys.
extension Oracle {
    // MARK: leaders

    /// A leader that can commit has answered, or the process has just begun.
    mutating func hears(_ executor: Int, at now: Moment) { led[executor] = now }

    /// A command arrives.
    ///
    /// - Returns: `true` if it is of an epoch that is over for this executor.
    mutating func arrives(_ command: NodeCommand, at executor: Int, _ recorded: Fence?) -> Bool {
        if let recorded, recorded.epoch > command.fence.epoch { return true }
        switch command.order {
        case .start(let spec): startsArrived[executor, default: []].insert(spec.id)
        case .stop(let id, _): stopsArrived[executor, default: []].insert(id)
        }
        return false
    }

    /// An old epoch's command changes nothing once a newer one is recorded.
    mutating func writes(_ records: [JournalRecord], _ executor: Int) {
        for record in records {
            switch record {
            case .accepted(let spec, _, _) where startsArrived[executor]?.contains(spec.id) != true:
                violated("e\(executor) obeys an old epoch's START of \(spec.id)")
            case .stopTold(let id, _, _) where stopsArrived[executor]?.contains(id) != true:
                violated("e\(executor) obeys an old epoch's STOP of \(id)")
            default: break
            }
        }
    }

    // MARK: the journal

    /// The executor answered that it has taken this command, and its journal says so.
    mutating func acknowledged(_ command: NodeCommand, by host: SimulatedExecutor) {
        if command.key != host.identity.key { violated("e\(host.index) obeys a command for another state folder") }
        let fence = command.fence
        fences[host.index] = max(fence, fences[host.index] ?? fence)
        // What cannot be written down is stopped all the same, and the whole journal is written next.
        guard case .stop(let id, _) = command.order, !host.disk.stopped.contains(id),
            host.process?.isJournalBroken == false
        else { return }
        violated("e\(host.index) acknowledged the STOP of \(id), and its journal does not say so")
    }

    /// Its journal is another one.
    mutating func forgets(_ executor: Int) { fences[executor] = nil }

    mutating func remembers(_ fence: Fence?, executor: Int) {
        guard let last = fences[executor], fence.map({ $0 < last }) ?? true else { return }
        violated("executor e\(executor) forgot command \(last.epoch).\(last.sequence)")
    }

    /// What it says has ended stays so whatever crashes.
    mutating func reports(_ report: NodeReport, _ executor: Int, _ disk: SimulatedDisk) {
        if let fence = report.fence {
            named[report.identity.key] = max(fence.epoch, named[report.identity.key] ?? 0)
        }
        for instance in report.instances where instance.state.isTerminal {
            guard !disk.ended.contains(instance.id) else { continue }
            violated("\(instance.id) is reported to have ended, and the journal of e\(executor) does not say so")
        }
    }

    /// What its process had begun, the next one may do otherwise.
    mutating func crashed(_ host: SimulatedExecutor) {
        again = again.filter { $0.value != host.index }
    }

    // MARK: jobs

    /// Without a leader nothing healthy is stopped.
    mutating func begins(_ job: Job, for id: InstanceID, on host: SimulatedExecutor, at now: Moment) {
        let container: ContainerID
        switch job {
        case .stop(let id, _), .remove(let id): container = id
        case .pull, .create, .start, .check: return
        }
        guard passing.contains(container), host.containers[container]?.isRunning == true,
            stopsArrived[host.index]?.contains(id) != true, now - (led[host.index] ?? now) > .seconds(10)
        else { return }
        violated("e\(host.index) stops \(id) without a leader, and it is healthy")
    }

    /// The executor is told how a check went.
    mutating func checked(_ container: ContainerID, _ outcome: Outcome) {
        switch outcome {
        case .passed: passing.insert(container)
        case .failed(let failure) where failure.kind != .overloaded && failure.kind != .engineAway:
            passing.remove(container)
        default: break
        }
    }

    mutating func startsAgain(_ id: InstanceID, on executor: Int) { again[id] = executor }
}
