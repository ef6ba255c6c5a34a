import ApusAgent
import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// Defects put in on purpose: what is on its way between the parts is changed, lost or repeated.
extension World {
    // MARK: to the store

    mutating func sabotaged(_ batch: Batch) -> Batch {
        guard let sabotage = plan.sabotage else { return batch }
        var batch = batch
        switch sabotage {
        case .requestForgotten: batch.writes.removeAll { $0.key.kind == .application }
        case .serviceForgotten: batch.writes.removeAll { $0.key.kind == .localService }
        case .rolloutParted: batch.partRollouts()
        case .assignmentForgotten: batch.writes.removeAll { $0.key.kind == .hint }
        case .taskForgotten: batch.writes.removeAll { $0.key.kind == .task }
        case .operationForgotten:
            batch.rewrite(.application) { $0.replacing("lastOperation", with: nil) }
        case .reasonsForgotten:
            batch.rewrite(.application) { record in
                record.replacing("lastOperation", with: record["lastOperation"]?.replacing("reason", with: ""))
            }
            batch.rewrite(.task) { record in
                record.replacing("end", with: record["end"]?.replacing("error", with: ""))
            }
        case .historyForgotten: batch.writes.removeAll { $0.key.kind == .ended }
        case .shareForgotten: batch.rewrite(.application) { $0.replacing("share", with: nil) }
        case .spreadForgotten: batch.rewrite(.cluster) { $0.replacing("spread", with: nil) }
        case .taskExpiredEarly:
            if let (key, _) = endedTask { batch.writes.append(.delete(key)) }
            noteEnd(in: batch)
        case .taskEndChanged: changeEnd(&batch)
        default: break
        }
        return batch
    }

    /// The end that an earlier batch recorded is recorded again, otherwise.
    private mutating func changeEnd(_ batch: inout Batch) {
        if let (key, record) = endedTask {
            let end = record["end"]?.replacing("state", with: "LOST").replacing("error", with: "otherwise")
            batch.writes.removeAll { $0.key == key }
            batch.writes.append(.put(key, record.replacing("end", with: end).bytes))
            return
        }
        noteEnd(in: batch)
    }

    private mutating func noteEnd(in batch: Batch) {
        for case .put(let key, let bytes) in batch.writes where key.kind == .task {
            guard let record = JSON(reading: bytes), record["end"] != nil else { continue }
            endedTask = (key, record)
        }
    }

    /// What waits for a commit leaves although its outcome is not known.
    mutating func sabotageDoubt() {
        guard plan.sabotage == .effectsInDoubt, var turn = controller.process?.turn else { return }
        while turn.pending != nil {
            if case .release(let effects) = turn.stored() { release(effects) }
        }
    }

    /// Every executor seems to have said that it has nothing.
    mutating func sabotageGathering() {
        guard plan.sabotage == .repairedUngathered, let members = controller.process?.turn.engine.state.members else {
            return
        }
        for executor in executors where members[executor.identity.id] != nil {
            let report = NodeReport(
                identity: executor.identity,
                revision: 1,
                base: 0,
                instances: [],
                fence: nil,
                description: executor.description
            )
            controllerTakes(.report(0, report))
        }
    }

    // MARK: to and from the executors

    mutating func sabotageSending(_ command: NodeCommand, to index: Int) {
        if case .stop(let id, let reason) = command.order { sabotageStopping(command, id, reason) }
        guard let sabotage = plan.sabotage, case .start(let spec) = command.order else { return }
        switch (sabotage, spec.owner) {
        case (.taskSentTwice, .task):
            guard let other = executors.indices.first(where: { $0 != index }) else { return }
            var second = command
            second.executor = executors[other].identity.id
            second.key = executors[other].identity.key
            post(second, to: other)
        case (.startedTooMany, .application):
            var second = command
            let id = InstanceID("AI-\(spec.id.rawValue.dropFirst(3).reversed())")
            second.order = .start(InstanceSpec(id: id, workload: spec.workload, allocation: spec.allocation))
            post(second, to: index)
        case (.replacedTooEarly, .application(let app)):
            guard let state = controller.process?.turn.committed, let operation = state.applications[app]?.operation,
                let victim = state.instances(of: app).first(where: { operation.targets.contains($0.id) && $0.isHealthy }
                ),
                let place = executors.firstIndex(where: { $0.identity.id == victim.executor })
            else { return }
            var stop = command
            stop.executor = executors[place].identity.id
            stop.key = executors[place].identity.key
            stop.order = .stop(victim.id, .replaced)
            post(stop, to: place)
        case (.movedTooEarly, .application(let app)): sabotageRollout(to: app, with: command)
        default: break
        }
    }

    /// One more goes than is to go.
    private mutating func sabotageStopping(_ command: NodeCommand, _ id: InstanceID, _ reason: StopReason) {
        guard let state = controller.process?.turn.committed, let app = state.instances[id]?.app,
            let application = state.applications[app]
        else { return }
        let isDue =
            switch plan.sabotage {
            case .makesWayTooEarly: reason == .replaced && application.operation?.order == .stopFirst
            case .stoppedTooMany: reason == .scaledDown || reason == .surplus
            default: false
            }
        guard isDue else { return }
        for victim in state.instances(of: app) where victim.isHealthy && victim.id != id {
            guard let place = executors.firstIndex(where: { $0.identity.id == victim.executor }) else { continue }
            var stop = command
            stop.executor = victim.executor
            stop.key = executors[place].identity.key
            stop.order = .stop(victim.id, reason)
            post(stop, to: place)
        }
    }

    func isWithheld(_ command: NodeCommand) -> Bool {
        switch (plan.sabotage, command.order) {
        case (.straysKept, .stop(_, .unknown)): true
        case (.stopsWithheld, .stop(let id, _)): id.rawValue.hasPrefix("AI-")
        case (.taskCommandsWithheld, _): command.instance.rawValue.hasPrefix("TI-")
        default: false
        }
    }

    /// As decided, or to another executor.
    func sabotagedPlace(of command: NodeCommand) -> NodeCommand {
        guard case .start(let spec) = command.order, let state = controller.process?.turn.committed else {
            return command
        }
        guard let other = other(than: spec, state) else { return command }
        var command = command
        command.executor = other.id
        command.key = other.key
        return command
    }

    /// Where that START should not go, if the sabotage says so.
    private func other(than spec: InstanceSpec, _ state: ClusterState) -> Member? {
        let members = state.members.values.sorted { $0.id < $1.id }
        switch plan.sabotage {
        case .placedOnAbsent: return members.first { $0.presence != .present }
        case .placedOnUnready:
            if case .localService = spec.owner { return nil }
            return members.first { $0.presence == .present && $0.duty == .active && !$0.isReady }
        case .policyIgnored where spec.workload.placementPolicy.mostPerHost == 1:
            return members.first { member in
                member.presence == .present && member.troubles.isEmpty
                    && member.instances.contains { state.instances[$0]?.owner == spec.owner && $0 != spec.id }
            }
        case .spreadIgnored:
            guard let spread = Oracle.hardSpread(of: spec, state) else { return nil }
            let open = members.filter { $0.admission == .open && $0.description.tags.isEmpty }
            func count(_ member: Member) -> Int {
                state.instances.values.count {
                    $0.owner == spec.owner && $0.id != spec.id && $0.progress == .confirmed
                        && state.members[$0.executor]?.description.zone == member.description.zone
                }
            }
            let fewest = open.map(count).min() ?? 0
            return open.first { count($0) >= fewest + spread.maxSkew }
        case .loadIgnored:
            guard case .task = spec.owner else { return nil }
            return members.first { $0.admission == .open && $0.load?.isNothing == true }
        default: return nil
        }
    }

    func sabotaged(_ command: NodeCommand, to index: Int) -> NodeCommand {
        if plan.sabotage == .otherKeysTaken {
            var command = command
            command.key = executors[index].identity.key
            return command
        }
        guard plan.sabotage == .staleFencesTaken, let recorded = executors[index].disk.fence,
            recorded.epoch > command.fence.epoch
        else { return command }
        var command = command
        command.fence = Fence(epoch: recorded.epoch, sequence: recorded.sequence + 1)
        return command
    }

    func sabotaged(_ report: NodeReport) -> NodeReport {
        var report = report
        switch plan.sabotage {
        case .troublesForged: report.troubles = [Trouble(nil, "forged")]
        case .capacityForged: report.description?.topology.quantities[Terrain.quantity] = 1000
        case .epochForged: report.fence = Fence(epoch: controller.store.epoch, sequence: 0)
        case .exitCodeChanged:
            for index in report.instances.indices {
                guard case .exited(let code, let isOutOfMemory)? = report.instances[index].cause else { continue }
                report.instances[index].cause = .exited(code: code + 1, outOfMemory: isOutOfMemory)
            }
        default: break
        }
        return report
    }

    // MARK: to and from the journal

    func sabotaged(_ write: SimulatedDisk.Write, on index: Int) -> SimulatedDisk.Write {
        guard let sabotage = plan.sabotage, case .append(let records) = write else { return write }
        let disk = executors[index].disk
        return .append(
            records.filter { record in
                switch (sabotage, record) {
                case (.acceptedUnwritten, .accepted), (.endUnwritten, .ended): false
                case (.stopOfUnknownUnwritten, .stopTold(let id, _, _)): disk.known.contains(id)
                default: true
                }
            }
        )
    }

    func sabotaged(_ journal: [JournalRecord]) -> [JournalRecord] {
        guard plan.sabotage == .fenceUnwritten else { return journal }
        return journal.filter { if case .fence = $0 { false } else { true } }
    }

    /// The executor stops on its own what serves.
    mutating func sabotageLeaderless(_ index: Int) {
        guard plan.sabotage == .healthyStoppedLeaderless, let since = controller.goneSince,
            agenda.now - since > .seconds(10),
            let victim = executors[index].containers.sorted.first(where: {
                $0.isRunning && !$0.isSick && $0.labels != nil
            }),
            let labels = victim.labels
        else { return }
        begin(index, .stop(victim.id, grace: .zero), for: .init(instance: labels.instance, attempt: -1))
    }

    // MARK: to and from the containers

    /// As given, or with the cores of another container.
    func sabotaged(_ spec: InstanceSpec, on index: Int) -> InstanceSpec {
        guard plan.sabotage == .coresBookedTwice,
            let victim = executors[index].containers.sorted.first(where: \.isRunning)?.labels
        else { return spec }
        return InstanceSpec(id: spec.id, workload: spec.workload, allocation: victim.allocation)
    }

    mutating func sabotagePorts(of id: ContainerID, on index: Int) {
        guard plan.sabotage == .portsBookedTwice,
            let other = executors[index].containers.sorted.first(where: { $0.isRunning && $0.labels?.ports != [] })
        else { return }
        executors[index].containers[id]?.labels?.ports = other.labels?.ports ?? []
    }

    /// The same instance has two containers that run.
    mutating func sabotageStart(of container: SimulatedContainers.Container, on index: Int) {
        guard plan.sabotage == .containerDoubled, container.origin == .assigned else { return }
        let second = executors[index].containers.plant(.assigned, labels: container.labels, on: index)
        if let second = executors[index].containers[second] { oracle.starts(second, on: executors[index]) }
    }

    func sabotageRestart(_ container: inout SimulatedContainers.Container) {
        guard plan.sabotage == .restartMoved, container.runs > 0 else { return }
        container.labels?.allocation.cores = [999]
    }

    mutating func sabotageExit(_ index: Int, _ container: SimulatedContainers.Container) {
        guard plan.sabotage == .taskRunAgain, case .task? = container.labels?.owner else { return }
        _ = start(index, container.id)
    }

    mutating func sabotageMissedExit(_ index: Int, _ id: ContainerID) {
        if plan.sabotage == .exitsIgnored { executors[index].containers[id]?.shown = .running }
    }
}

extension Batch {
    fileprivate mutating func rewrite(_ kind: RecordKind, _ change: (JSON) -> JSON) {
        writes = writes.map { write in
            guard case .put(let key, let bytes) = write, key.kind == kind, let record = JSON(reading: bytes) else {
                return write
            }
            return .put(key, change(record).bytes)
        }
    }
}

extension JSON {
    /// `nil` if the bytes are none.
    init?(reading bytes: [UInt8]) {
        do { self = try JSON(parsing: bytes) } catch { return nil }
    }
}
