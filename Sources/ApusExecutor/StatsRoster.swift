package import ApusAgent
package import ApusContainers
package import ApusModel
package import ApusTelemetry

/// Which containers are measured, when, and what was measured last: nothing of one that has ended.
package struct StatsRoster: Sendable {
    package static let period = Duration.seconds(30)
    /// A new one is looked at again so soon, since what it uses a second takes two looks.
    package static let second = Duration.seconds(5)
    /// One that has just appeared has more to do than to be measured, and so has its engine.
    package static let settling = Duration.seconds(10)

    /// So often while somebody looks at the figures, and for so long after the last look.
    package static let (closePeriod, attention) = (Duration.seconds(2), Duration.seconds(10))

    /// Whose container it is.
    struct Subject: Hashable, Sendable {
        var owner: Owner
        var appName: String
        var instance: InstanceID
        var cores: Int
        var memoryMB: Int64
    }

    /// What a container had used at a time.
    struct Look: Hashable, Sendable {
        var stats: ContainerStats
        var at: Moment
    }

    struct Entry: Sendable {
        var subject: Subject
        var due: Moment
        /// One that the engine does not answer for has no values.
        var last: Look?
        var before: Look?
        var isUnderWay = false
        /// The most memory that was ever seen in use.
        var mostBytes: Int64 = 0
    }

    private(set) var entries: [ContainerID: Entry] = [:]
    /// All that run were told once.
    private var isListed = false
    /// Somebody looks at the figures until then.
    private var watchedUntil: Moment?

    package init() {}

    /// What the containers use; none of one that was not measured.
    package var samples: [Sample] { entries.values.flatMap(\.samples) }

    /// What runs now, of the instances that are this executor's own; whatever else was known is forgotten.
    ///
    /// What a container's labels say counts for nothing: anybody may have written them.
    package mutating func list(
        _ found: [FoundContainer],
        of instances: [ContainerID: InstanceReport],
        at now: Moment
    ) {
        var listed: [ContainerID: Entry] = [:]
        let due = isListed ? now + Self.settling : now
        isListed = true
        for container in found where container.state.hasProcesses {
            guard let instance = instances[container.container] else { continue }
            listed[container.container] = entries[container.container] ?? Entry(subject: Subject(instance), due: due)
        }
        entries = listed
    }

    /// Somebody looks at the figures: they are to be fresh.
    package mutating func watch(at now: Moment) { watchedUntil = now + Self.attention }

    package mutating func ended(_ container: ContainerID) { entries[container] = nil }

    /// What is to be looked at now, those that wait longest first: of many not all at once, so that the work is spread.
    package mutating func takeDue(at now: Moment, beat: Duration, mostUnderWay: Int) -> [ContainerID] {
        let free = mostUnderWay - entries.values.count(where: \.isUnderWay)
        guard free > 0 else { return [] }
        let isWatched = watchedUntil.map { now < $0 } ?? false
        let period = isWatched ? Self.closePeriod : Self.period
        let share = Int((Double(entries.count) * (beat / period)).rounded(.up)) + 2
        let due = entries.filter { !$0.value.isUnderWay }
            .map { (id: $0.key, due: $0.value.due(isWatched: isWatched)) }.filter { $0.due <= now }
            .sorted { ($0.due, $0.id) < ($1.due, $1.id) }.prefix(min(share, free)).map(\.id)
        for id in due { entries[id]?.isUnderWay = true }
        return due
    }

    /// What was measured; `nil` if nothing could be.
    package mutating func looked(at id: ContainerID, _ stats: ContainerStats?, at now: Moment) {
        guard var entry = entries[id] else { return }
        entry.isUnderWay = false
        entry.before = stats == nil ? nil : entry.last
        entry.last = stats.map { Look(stats: $0, at: now) }
        if let memory = stats?.memory { entry.mostBytes = max(memory.mostBytes ?? memory.usedBytes, entry.mostBytes) }
        entry.due = now + (entry.before == nil && stats != nil ? Self.second : Self.period)
        entries[id] = entry
    }
}

extension StatsRoster.Entry {
    fileprivate func due(isWatched: Bool) -> Moment {
        guard isWatched, let last else { return due }
        return min(due, last.at + StatsRoster.closePeriod)
    }
}

extension StatsRoster.Subject {
    fileprivate init(_ instance: InstanceReport) {
        self.init(
            owner: instance.owner,
            appName: instance.appName,
            instance: instance.id,
            cores: instance.allocation.cores.count,
            memoryMB: instance.allocation.memoryMB
        )
    }
}

extension FoundContainer.State {
    fileprivate var hasProcesses: Bool {
        switch self {
        case .running, .other: true
        case .created, .exited: false
        }
    }
}
