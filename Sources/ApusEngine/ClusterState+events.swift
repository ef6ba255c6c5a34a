package import ApusModel
import HashTreeCollections

/// What clients are told of the way from one committed state to the next (contract §6).
///
/// An event stands for a state that was committed: of what came and went between two commits only the end is told.
extension ClusterState {
    /// What has happened since `before`, in a fixed order; `leader` is the leading controller's host.
    package func events(since before: ClusterState, _ changes: Changes, leader: String) -> [ClusterEvent] {
        var events: [ClusterEvent] = []
        var tasks: Set<TaskID> = []
        for key in changes.records.filter(\.kind.isTold).sorted() {
            switch key.kind {
            case .application: events += [event(of: AppID(key.id), since: before)].compactMap(\.self)
            case .localService: events += [event(of: ServiceID(key.id), since: before)].compactMap(\.self)
            case .member: events += self.events(of: ExecutorID(key.id), since: before)
            case .cluster: events += modeEvents(since: before, leader: leader)
            case .task: if let task = TaskID(rawValue: key.id) { tasks.insert(task) }
            case .hint, .ended: break
            }
        }
        for (id, owner) in changes.instances.sorted(by: { $0.key < $1.key }) {
            if case .task(let task) = owner {
                tasks.insert(task)
            } else if let event = event(of: id, of: owner, since: before) {
                events.append(event)
            }
        }
        return events + tasks.sorted().compactMap { event(of: $0, since: before) }
    }

    private func modeEvents(since before: ClusterState, leader: String) -> [ClusterEvent] {
        guard facts.mode != before.facts.mode else { return [] }
        let kind: ClusterEvent.Kind = facts.mode == .maintenance ? .maintenanceSet : .maintenanceRemoved
        return [ClusterEvent(kind, .members(["HOSTNAME": .string(leader)]))]
    }

    private func event(of app: AppID, since before: ClusterState) -> ClusterEvent? {
        let (old, new) = (before.applications[app], applications[app])
        guard let known = new ?? old, new?.state != old?.state else { return nil }
        return ClusterEvent(.applicationChanged, known.eventMetadata(as: new?.state ?? .destroyed))
    }

    private func event(of service: ServiceID, since before: ClusterState) -> ClusterEvent? {
        let (old, new) = (before.localServices[service], localServices[service])
        guard let known = new ?? old, new?.state != old?.state else { return nil }
        return ClusterEvent(.serviceChanged, known.eventMetadata(as: new?.state ?? .destroyed))
    }

    /// One that is lost is removed to clients; it is added again when it is heard.
    private func events(of executor: ExecutorID, since before: ClusterState) -> [ClusterEvent] {
        let (old, new) = (before.members[executor], members[executor])
        let (wasThere, isThere) = (old.map { !$0.isLost } ?? false, new.map { !$0.isLost } ?? false)
        var events: [ClusterEvent] = []
        if wasThere, !isThere {
            let channels = new?.failures.channels ?? []
            let metadata = JSON.members(["EXECUTOR_ID": executor.json, "CHANNELS": channels.eventMetadata])
            events.append(ClusterEvent(.executorRemoved, metadata))
        }
        guard let new else { return events }
        if isThere, !wasThere {
            events.append(ClusterEvent(.executorAdded, new.eventMetadata(channels: new.obstacles.channels)))
        }
        if new.duty != old?.duty ?? .active {
            events.append(ClusterEvent(new.duty.eventKind, new.eventMetadata(duty: new.duty)))
        } else if new.duty == .active, isThere, wasThere, new.isHeldBack != old?.isHeldBack {
            let kind: ClusterEvent.Kind = new.isHeldBack ? .executorBlacklistRequested : .executorUnblacklisted
            events.append(ClusterEvent(kind, new.eventMetadata(channels: new.obstacles.channels)))
        }
        return events
    }

    // MARK: instances and tasks

    private func event(of id: InstanceID, of owner: Owner, since before: ClusterState) -> ClusterEvent? {
        let old = before.instances[id]
        guard let account = account(of: id, of: owner) ?? old.map({ end(of: $0, since: before) }),
            account.state != old?.shownState
        else { return nil }
        let name: String?
        let kind: ClusterEvent.Kind
        switch owner {
        case .application(let app):
            name = (applications[app] ?? before.applications[app])?.spec.name
            kind = .instanceChanged
        case .localService(let service):
            name = (localServices[service] ?? before.localServices[service])?.spec.service.name
            kind = .serviceInstanceChanged
        case .task: return nil
        }
        return ClusterEvent(kind, account.eventMetadata(ownerName: name ?? owner.description))
    }

    /// An instance as it is or as it ended, in the form of the history; `nil` if it is not known any more.
    private func account(of id: InstanceID, of owner: Owner) -> EndedInstance? {
        guard let live = instances[id] else { return ended[owner]?.entry(id) }
        return EndedInstance(
            live,
            as: live.shownState,
            live.cause,
            live.error,
            on: members[live.executor]?.hostname ?? "",
            at: live.updated
        )
    }

    /// The end of one that no history has: its owner was forgotten with it, or too many ended at once.
    private func end(of instance: Instance, since before: ClusterState) -> EndedInstance {
        EndedInstance(
            instance,
            as: members[instance.executor]?.isLost ?? true ? .lost : .stopped,
            instance.cause,
            instance.error,
            on: before.members[instance.executor]?.hostname ?? "",
            at: instance.updated
        )
    }

    /// A task that is forgotten has ended before.
    private func event(of task: TaskID, since before: ClusterState) -> ClusterEvent? {
        guard let run = tasks[task] else { return nil }
        let live = run.instance.flatMap { instances[$0] }
        let state = run.shownState(live: live)
        let earlier = before.tasks[task].map { old in
            old.shownState(live: old.instance.flatMap { before.instances[$0] })
        }
        guard state != earlier else { return nil }
        let hostname = live.flatMap { members[$0.executor]?.hostname }
        return ClusterEvent(.taskChanged, run.eventMetadata(as: state, live: live, on: hostname))
    }
}

extension RecordKind {
    /// What instances do is known from themselves.
    fileprivate var isTold: Bool { self != .hint && self != .ended }
}
