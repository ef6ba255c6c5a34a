import ApusModel
import ApusPlacement
import HashTreeCollections

/// Tasks: accepted, placed, started at most once, ended with a reason.
extension Engine {
    mutating func accept(_ operation: TaskOperation, at times: Times) -> CommandOutcome {
        switch operation {
        case .create(let spec, let opSpec): create(spec, opSpec, at: times)
        case .kill(let task, _): kill(task, at: times)
        }
    }

    private mutating func create(_ spec: TaskSpec, _ opSpec: ClusterOpSpec, at times: Times) -> CommandOutcome {
        let (source, name) = (spec.sourceAppName, spec.taskID)
        guard state.tasks[spec.id] == nil else {
            return .refused(["Task already exists for \(source)/\(name) with taskID: \(spec.id.runID)"])
        }
        let refusals = settings.allowances.refusals(of: .task(spec))
        guard refusals.isEmpty else { return .refused(refusals) }
        let lacking = lacking(for: .task(spec), instances: 1)
        guard lacking.isEmpty else { return .refused(lacking) }
        state.tasks[spec.id] = TaskRun(
            spec: spec,
            timeout: opSpec.timeout,
            created: times.wall,
            updated: times.wall,
            phase: .unplaced,
            resumed: times.now,
            noted: times.now
        )
        touch(spec.id)
        return .accepted(.task(spec.id))
    }

    private mutating func kill(_ id: TaskID, at times: Times) -> CommandOutcome {
        guard let run = state.tasks[id], run.end == nil else {
            return .refused(["Either task does not exist or has already finished for \(id.source)/\(id.name)"])
        }
        state.tasks[id]?.isKilled = true
        state.tasks[id]?.updated = times.wall
        touch(id)
        return .accepted(.task(id))
    }

    mutating func forget(_ id: TaskID, at times: Times) -> CommandOutcome {
        guard let run = state.tasks[id], run.end != nil else {
            return .refused(["Could not delete \(id.source)/\(id.name)"])
        }
        state.tasks[id] = nil
        touched.insert(RecordKey(.task, id.rawValue))
        return .accepted(.task(id))
    }

    private mutating func touch(_ id: TaskID) {
        touched.insert(RecordKey(.task, id.rawValue))
        dirty.insert(.task(id))
    }

    // MARK: reconciliation

    mutating func reconcile(_ id: TaskID, budget: inout Int, at times: Times) {
        guard let run = state.tasks[id] else { return }
        switch run.phase {
        case .unplaced:
            if run.isKilled {
                end(id, unplaced: .stopped(.killed), "killed before it was placed", at: times)
            } else if run.deadline <= times.now {
                let text = run.shortfall.map { ": \($0.text)" } ?? ""
                end(id, unplaced: .unplaceable, "found no place within \(run.timeout.text)\(text)", at: times)
            } else {
                wake(.owner(run.owner), at: min(run.deadline, note(run, at: times.now)))
                place(run, budget: &budget, at: times)
            }
        case .placed(let instance): attend(run, instance, at: times)
        case .ended: break
        }
    }

    /// Has what time it has spent stored now and then, for whoever leads next.
    ///
    /// - Returns: when it should be again.
    private mutating func note(_ run: TaskRun, at now: Moment) -> Moment {
        let next = run.noted + run.timeBetweenNotes
        guard next <= now else { return next }
        state.tasks[run.id]?.noted = now
        touched.insert(RecordKey(.task, run.id.rawValue))
        return now + run.timeBetweenNotes
    }

    private mutating func end(_ id: TaskID, unplaced cause: EndCause, _ error: String, at times: Times) {
        end(id, TaskEnd(place: nil, state: .stopped, cause: cause, error: error, at: times.wall), at: times)
    }

    /// Makes the end of a task known; it never changes again.
    mutating func end(_ id: TaskID, _ end: TaskEnd, at times: Times) {
        guard let run = state.tasks[id], run.end == nil else { return }
        var end = end
        if end.error.isEmpty, case .stopped(let reason) = end.cause {
            end.error =
                switch reason {
                case .killed: "killed by a user"
                case .suspended: "stopped because its executor was suspended at once"
                default: "not taken by its executor within \(run.timeout.text)"
                }
        }
        state.tasks[id]?.phase = .ended(end)
        state.tasks[id]?.updated = times.wall
        state.tasks[id]?.shortfall = nil
        touch(id)
        tally.count(.taskEnded(end.result))
        let text = end.error.isEmpty ? "" : ": \(end.error)"
        effects.append(.note("task \(id) has ended, \(end.result.rawValue)\(text)"))
    }

    private mutating func place(_ run: TaskRun, budget: inout Int, at times: Times) {
        guard budget > 0 else {
            dirty.insert(run.owner)
            return
        }
        let id = InstanceID("TI-\(random.uuid())")
        for until in run.avoided.values where until > times.now { wake(.owner(run.owner), at: until) }
        let request = PlacementRequest(
            id,
            for: .task(run.spec),
            group: group(of: run.owner),
            avoiding: run.avoided(at: times.now),
            loadWeights: settings.taskWeights
        )
        switch ledger.place(request, tieBreak: random.next()) {
        case .refused(let refusal):
            waiting.waitForRoom(
                run.owner,
                .tasks(
                    of: request.group.version,
                    run.spec.resources,
                    run.spec.placementPolicy,
                    environment: request.policy.containsRule ? request.environment : [:],
                    avoiding: request.avoiding
                )
            )
            tally.count(refusal)
            noted.unplaced.insert(run.owner)
            if run.shortfall?.text != refusal.text {
                effects.append(.note("task \(run.id) has no room: \(refusal.text)"))
            }
            state.tasks[run.id]?.shortfall = refusal
        case .placed(let executor, let allocation):
            budget -= 1
            state.tasks[run.id]?.phase = .placed(id)
            state.tasks[run.id]?.shortfall = nil
            state.tasks[run.id]?.updated = times.wall
            insert(Instance(id, of: run.owner, on: executor, allocation, epoch: state.epoch, at: times.wall))
            sendStart(of: id, at: times.now)
        }
    }

    /// A task that is placed is stopped when a user kills it, or when its executor does not take it in time: it could
    /// have been started there unseen, so it is never tried elsewhere.
    private mutating func attend(_ run: TaskRun, _ id: InstanceID, at times: Times) {
        guard let instance = state.instances[id], instance.stop == nil else { return }
        var reason: StopReason?
        if run.isKilled {
            reason = .killed
        } else if isSuspendedAtOnce(instance) {
            reason = .suspended
        } else if case .assigned = instance.progress {
            if run.deadline > times.now {
                wake(.owner(run.owner), at: run.deadline)
            } else if state.members[instance.executor]?.presence == .present {
                reason = .requested
            } else {
                // Unheard, it may well have it.
                wake(.owner(run.owner), at: times.now + settings.resendAfter)
            }
        }
        guard let reason else { return }
        guard mayStop else {
            waiting.waitToStop(run.owner)
            return
        }
        stop(id, reason, at: times.now)
    }

    /// An executor that has no room for it after all has surely not started it: another may.
    ///
    /// - Returns: `true` if the task looks for another place now.
    mutating func refuse(
        _ id: TaskID,
        _ instance: Instance,
        _ refusal: CommandAnswer.Refusal,
        at times: Times
    ) -> Bool {
        guard refusal == .resourcesHeld, let run = state.tasks[id], run.refusals < TaskRun.mostRefusals else {
            return false
        }
        remove(instance)
        state.tasks[id]?.phase = .unplaced
        state.tasks[id]?.refusals += 1
        state.tasks[id]?.avoided[instance.executor] = times.now + TaskRun.avoidance
        touch(id)
        return true
    }
}
