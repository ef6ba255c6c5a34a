import ApusModel
import ApusPlacement
import HashTreeCollections

/// The life of one instance as the controller keeps it: assignment, commands, end.
extension Engine {
    /// Whom an instance of that owner counts with where a policy limits or spreads.
    func group(of owner: Owner) -> PlacementGroup { state.group(of: owner) }

    /// Adds a placed or adopted instance everywhere it is listed.
    ///
    /// `page` is the hint record in which it already stands, if it does.
    mutating func insert(_ new: Instance, page: Int? = nil) {
        var instance = new
        if !instance.isTask {
            let ports = state.workload(of: instance.owner)?.exposedPorts.map(\.name) ?? []
            instance.hintPage = hints.insert(
                instance.id,
                bytes: instance.hintBytes(portNames: ports),
                on: instance.executor,
                page: page
            )
        }
        state.insert(instance)
        if case .localService(let service) = instance.owner {
            state.localServices[service]?.instances[instance.executor, default: []].append(instance.id)
        }
        state.members[instance.executor]?.instances.append(instance.id)
        recount.insert(instance.executor)
        touched.insert(instance.recordKey)
        mark(instance)
    }

    /// Moves a live instance to its application's history, or makes it its task's end, and frees what it held.
    mutating func end(
        _ id: InstanceID,
        as terminal: InstanceState,
        cause: EndCause?,
        error: String,
        at times: Times
    ) {
        guard let instance = state.instances[id] else { return }
        let hostname = state.members[instance.executor]?.hostname ?? ""
        remove(instance)
        // One that was to end, or had failed before, is not replaced for this.
        if terminal == .lost, instance.isAlive, !instance.isTask { tally.count(.instanceFailed(.executorLost)) }
        switch instance.owner {
        case .application(let app):
            guard let application = state.applications[app] else { break }
            if application.operation != nil || rollouts[app] != nil { noteProgress(of: instance.owner, at: times.now) }
            archive(EndedInstance(instance, as: terminal, cause, error, on: hostname, at: times.wall))
        case .localService(let service):
            guard state.localServices[service] != nil else { break }
            let left = state.localServices[service]?.instances[instance.executor]?.filter { $0 != id } ?? []
            state.localServices[service]?.instances[instance.executor] = left.isEmpty ? nil : left
            if state.localServices[service]?.operation != nil {
                state.localServices[service]?.operation?.progressed = times.now
            }
            archive(EndedInstance(instance, as: terminal, cause, error, on: hostname, at: times.wall))
        case .task(let task):
            let place = TaskPlace(
                instance: id,
                executor: instance.executor,
                hostname: hostname,
                allocation: instance.allocation
            )
            end(task, TaskEnd(place: place, state: terminal, cause: cause, error: error, at: times.wall), at: times)
        }
    }

    /// Takes a live instance off every list and frees what it held.
    mutating func remove(_ instance: Instance) {
        state.remove(instance.id)
        state.members[instance.executor]?.instances.removeAll { $0 == instance.id }
        if !instance.isTask { hints.remove(instance.id, on: instance.executor, page: instance.hintPage) }
        touched.insert(instance.recordKey)
        ledger.release(instance.id)
        mark(instance)
        // Local services leave an executor last.
        if leaving.contains(instance.executor) { markServices(on: instance.executor) }
        roomAppeared(on: instance.executor)
    }

    private mutating func archive(_ entry: EndedInstance) {
        let (changed, dropped) = state.ended[entry.owner, default: EndedHistory()]
            .append(entry, keeping: settings.retention.mostInstances)
        touched.insert(Self.endedKey(entry.owner, page: changed))
        if let dropped { touched.insert(Self.endedKey(entry.owner, page: dropped)) }
    }

    /// A longer text would fill the records that keep it.
    static let longestError = 1_000

    /// No application's id is the first step of another's: it has no slash, and always a hyphen.
    private static let services = "services/"

    static func endedKey(_ owner: Owner, page: Int) -> RecordKey {
        let place = if case .localService(let service) = owner { "\(services)\(service)" } else { "\(owner)" }
        return RecordKey(.ended, "\(place)/\(page)")
    }

    /// Whose history stands at the place of `endedKey`.
    static func endedOwner(_ place: String) -> Owner {
        guard place.hasPrefix(services) else { return .application(AppID(place)) }
        return .localService(ServiceID(String(place.dropFirst(services.utf8.count))))
    }

    /// Counts a failure that nobody asked for towards the back-off of its application, or of its local service there.
    mutating func countFailure(of instance: Instance, reason: String, at times: Times) {
        let proved = instance.healthySince.map { times.now - $0 >= Backoff.proof } ?? false
        func count(_ backoff: inout Backoff) {
            backoff.failed(generation: instance.generation, afterProof: proved, reason: reason, at: times.now)
        }
        switch instance.owner {
        case .application(let app):
            guard var backoff = state.applications[app]?.backoff else { return }
            count(&backoff)
            state.applications[app]?.backoff = backoff
        case .localService(let service):
            guard var backoffs = state.localServices[service]?.backoffs else { return }
            count(&backoffs[instance.executor, default: Backoff()])
            state.localServices[service]?.backoffs = backoffs
        case .task: return
        }
        tally.count(.instanceFailed(Happening.Failure(instance.cause)))
        effects.append(.note("\(instance.id) of \(instance.owner) failed: \(reason)"))
    }

    // MARK: commands

    mutating func sendStart(of id: InstanceID, at now: Moment) {
        guard let instance = state.instances[id], let workload = state.workload(of: instance.owner) else { return }
        send(
            .start(InstanceSpec(id: id, workload: workload, allocation: instance.allocation)),
            about: id,
            to: instance.executor,
            at: now
        )
        let sequence = state.members[instance.executor]?.sequence ?? 0
        state.change(id) { instance in
            instance.progress = .assigned(sent: now)
            instance.startSequence = sequence
        }
    }

    mutating func sendStop(of id: InstanceID, at now: Moment) {
        guard let instance = state.instances[id], let reason = instance.stop?.reason else { return }
        state.change(id) { $0.stop?.sent = now }
        send(.stop(id, reason), about: id, to: instance.executor, at: now)
    }

    private mutating func send(
        _ order: NodeCommand.Order,
        about id: InstanceID,
        to executor: ExecutorID,
        at now: Moment
    ) {
        emit(order, to: executor)
        wake(.command(id), at: now + settings.resendAfter)
    }

    /// Hands a command to the executor's outbox under the next fence; nothing goes to one that is given up.
    mutating func emit(_ order: NodeCommand.Order, to executor: ExecutorID) {
        guard var member = state.members[executor], !member.isLost else { return }
        member.sequence += 1
        state.members[executor] = member
        let command = NodeCommand(
            cluster: state.cluster,
            executor: executor,
            key: member.key,
            fence: Fence(epoch: state.epoch, sequence: member.sequence),
            order: order
        )
        effects.append(.send(executor, command))
    }

    /// A START or STOP whose effect does not show is sent again: every command is idempotent.
    mutating func repeatCommand(for id: InstanceID, at times: Times) {
        guard let instance = state.instances[id], !giveUp(instance, at: times) else { return }
        let isPresent = state.members[instance.executor]?.presence == .present
        if instance.stop != nil {
            // Until it has ended: an executor that crashed while it could not write its journal forgets the STOP.
            if isPresent, mayStop, instance.state.isAlive {
                sendStop(of: id, at: times.now)
            } else {
                wake(.command(id), at: times.now + settings.resendAfter)
            }
        } else if case .assigned = instance.progress {
            if isPresent {
                sendStart(of: id, at: times.now)
            } else {
                wake(.command(id), at: times.now + settings.resendAfter)
            }
        }
    }

    /// What an executor that cannot be reached never took is tried elsewhere, or is LOST if it is a task: whatever may
    /// come of it all the same is stopped then.
    ///
    /// - Returns: `true` if there is nothing more to send.
    private mutating func giveUp(_ instance: Instance, at times: Times) -> Bool {
        guard case .assigned = instance.progress, let member = state.members[instance.executor],
            member.reach.failing >= settings.lostAfter, !isInMaintenance
        else { return false }
        switch instance.owner {
        case .application, .localService:
            guard instance.stop == nil else { return false }
            if instance.isAlive { tally.count(.instanceFailed(.executorLost)) }
            stop(instance.id, .lost, at: times.now)
            mark(instance)
        case .task:
            let error = "Instance lost: executor \(member.hostname) does not take commands"
            end(instance.id, as: .lost, cause: .executorLost, error: error, at: times)
        }
        return true
    }

    mutating func apply(_ answer: CommandAnswer, to command: NodeCommand, from executor: ExecutorID, at times: Times) {
        guard command.fence.epoch == state.epoch, let member = state.members[executor], member.key == command.key
        else { return }
        switch answer {
        case .refused(.wrongCluster, let reason), .refused(.wrongExecutor, let reason):
            notReached(executor, reason, at: times.now)
        case .refused(.configUnavailable, _):
            // The controller's own answer: nothing was sent.
            break
        case .accepted, .refused: reached(executor)
        }
        switch answer {
        case .accepted(let report?):
            // It may come late: from an earlier run of the process, or after reports that knew more. And it may come
            // before reports that knew less: so only a report, in its order, ends an instance or brings one.
            guard command.fence.sequence > member.sequenceBefore, report.revision > member.applied,
                state.instances[report.id] != nil, !report.state.isTerminal
            else { return }
            apply(report, from: member, at: times)
        case .accepted(nil):
            endUnknown(command.instance, at: times)
        case .refused(let refusal, let reason):
            apply(refusal, reason: reason, to: command, at: times)
        }
    }

    /// The executor was told to stop an id that it never had: now it never will.
    private mutating func endUnknown(_ id: InstanceID, at times: Times) {
        guard let instance = state.instances[id], let stop = instance.stop else { return }
        end(id, as: .stopped, cause: .stopped(stop.reason), error: "", at: times)
    }

    private mutating func apply(
        _ refusal: CommandAnswer.Refusal,
        reason: String,
        to command: NodeCommand,
        at times: Times
    ) {
        guard case .start(let spec) = command.order, let instance = state.instances[spec.id],
            case .assigned = instance.progress,
            // A START that left later may still be taken: its own answer decides.
            command.fence.sequence >= instance.startSequence
        else { return }
        switch refusal {
        case .wrongCluster, .wrongExecutor, .staleFence:
            // It is another process now, or this command came late: the timer sends a fresh one.
            return
        case .resourcesHeld, .journalUnwritable, .unsupported, .configUnavailable, .unreadable:
            let who = refusal == .configUnavailable ? "" : "refused by its executor: "
            let text = "\(who)\(reason)".clipped(toBytes: Self.longestError)
            if case .task(let task) = instance.owner, refuse(task, instance, refusal, at: times) { return }
            countFailure(of: instance, reason: text, at: times)
            end(spec.id, as: .stopped, cause: .refused, error: text, at: times)
        }
    }
}
