package import ApusModel
import HashTreeCollections

/// Which executors are meant: those of these ids, and all that have one of these tags or stand in one of these zones.
package struct ExecutorSelection: Hashable, Sendable {
    package var ids: [ExecutorID]
    package var tags: [String]
    package var zones: [String]

    package init(ids: [ExecutorID] = [], tags: [String] = [], zones: [String] = []) {
        self.ids = ids
        self.tags = tags
        self.zones = zones
    }
}

/// What an operator asks of executors.
package enum DutyOrder: Hashable, Sendable {
    case blacklist
    case unblacklist
    case suspend(Suspension)
    /// Ends what an operator asked for, never a trouble.
    case resume
    case retire

    package enum Suspension: Hashable, Sendable {
        /// Services move first, tasks run to their ends.
        case finishing
        /// Everything there is stopped now; unless that is confirmed, only where no task would fail.
        case atOnce(isConfirmed: Bool)
    }

    /// Drove's clients are told of each executor what became of it; of what else is asked for, all is done or nothing.
    var isWhole: Bool {
        switch self {
        case .blacklist, .unblacklist: false
        case .suspend, .resume, .retire: true
        }
    }

    /// The duty that follows, or why it cannot be.
    func duty(after duty: Duty) -> Result<Duty, DutyRefusal> {
        switch (self, duty) {
        case (.blacklist, .active): .success(.blacklistRequested)
        case (.blacklist, .blacklistRequested), (.blacklist, .blacklisted): .success(duty)
        case (.unblacklist, .active), (.unblacklist, .blacklistRequested), (.unblacklist, .blacklisted):
            .success(.active)
        case (.blacklist, .suspended), (.blacklist, .suspendedAtOnce), (.unblacklist, .suspended),
            (.unblacklist, .suspendedAtOnce):
            .failure(DutyRefusal(reason: "is suspended: resume it first"))
        case (_, .retiring) where self != .resume && self != .retire:
            .failure(DutyRefusal(reason: "is being retired: resume it first"))
        case (.suspend, .blacklistRequested), (.suspend, .blacklisted):
            .failure(DutyRefusal(reason: "is blacklisted: its applications move already, unblacklist it to suspend it"))
        case (.suspend(.finishing), _): .success(.suspended)
        case (.suspend(.atOnce), _): .success(.suspendedAtOnce)
        case (.resume, .blacklistRequested), (.resume, .blacklisted):
            .failure(DutyRefusal(reason: "is blacklisted, not suspended: unblacklist it"))
        case (.resume, _): .success(.active)
        case (.retire, _): .success(.retiring)
        case (.blacklist, .retiring), (.unblacklist, .retiring): .success(duty)
        }
    }
}

struct DutyRefusal: Error {
    let reason: String
}

/// What became of each executor.
package struct DutyChange: Hashable, Sendable {
    package struct Failure: Hashable, Sendable {
        package var executor: ExecutorID
        package var reason: String
    }

    /// Those of the duty that was asked for now, by id.
    package var done: [ExecutorID] = []
    package var failed: [Failure] = []

    package init(done: [ExecutorID] = [], failed: [Failure] = []) {
        self.done = done
        self.failed = failed
    }
}

extension ClusterState {
    /// The members that are meant, by id, and what nobody answers to.
    package func members(in selection: ExecutorSelection) -> (chosen: [Member], unknown: [ExecutorID], nobody: [String])
    {
        let ids = Set(selection.ids)
        var chosen: Set<ExecutorID> = []
        var nobody: [String] = []
        for id in ids where members[id] != nil { chosen.insert(id) }
        for tag in selection.tags {
            let tagged = members.values.filter { $0.hostname == tag || $0.description.tags.contains(tag) }
            if tagged.isEmpty { nobody.append("No executor has the tag \(tag)") }
            chosen.formUnion(tagged.map(\.id))
        }
        for zone in selection.zones {
            let there = members.values.filter { $0.description.zone == zone }
            if there.isEmpty { nobody.append("No executor stands in the zone \(zone)") }
            chosen.formUnion(there.map(\.id))
        }
        return (chosen.sorted().compactMap { members[$0] }, ids.subtracting(chosen).sorted(), nobody)
    }

    /// The tasks that run on these members or are on their way there, by name.
    package func tasks(on members: [Member]) -> [(task: TaskID, member: Member)] {
        members.flatMap { member in
            member.instances.compactMap { instances[$0] }.compactMap { instance in
                guard case .task(let task) = instance.owner, instance.stop == nil else { return nil }
                return (task, member)
            }
        }
        .sorted { $0.task < $1.task }
    }
}
