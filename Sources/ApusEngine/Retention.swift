import ApusModel
import HashTreeCollections

/// How long what has ended is kept (contract §5.5, §5.7).
package struct Retention: Hashable, Sendable {
    /// How often is looked.
    package var checkInterval: Duration = .seconds(3_600)
    /// An application of which nothing is wanted is destroyed after so long.
    package var applications: Duration = .seconds(7 * 86_400)
    package var instances: Duration = .seconds(7 * 86_400)
    package var tasks: Duration = .seconds(2 * 86_400)
    /// A local service that is inactive is destroyed after so long.
    package var services: Duration = .seconds(7 * 86_400)
    /// Ended instances of one application: the newest.
    package var mostInstances = 100

    package init() {}
}

/// The clock by which age is counted: a wall clock that jumps forward must not end everything at once.
///
/// It follows the wall clock back at once (else what ends while that stands back would look old), and forward hardly
/// faster than time passes by the monotonic one; while there is no leader, by at most a day. A wall clock that stays
/// ahead for a day is believed.
struct SoundClock: Sendable {
    private static let day: Duration = .seconds(86_400)

    private(set) var wall: WallTime
    private var looked: Moment
    /// Since when the wall clock is further than can be believed.
    private var aheadSince: Moment?

    /// `stored` is what the last leader's said; `nil` if none ever looked.
    init(stored: WallTime?, at times: Times) {
        wall = stored.map { min(times.wall, $0 + Self.day) } ?? times.wall
        looked = times.now
    }

    /// - Returns: by how much the wall clock is ahead of what is believed.
    mutating func look(at times: Times) -> Duration {
        // A twelfth more, so that it catches up with a clock that was set.
        let believable = wall + (times.now - looked) / 12 * 13
        looked = times.now
        if times.wall <= believable {
            aheadSince = nil
        } else if let since = aheadSince, times.now - since >= Self.day {
            (wall, aheadSince) = (times.wall, nil)
            return .zero
        } else {
            aheadSince = aheadSince ?? times.now
        }
        wall = min(times.wall, believable)
        return .milliseconds(times.wall.milliseconds - wall.milliseconds)
    }

    func age(since moment: WallTime) -> Duration { .milliseconds(wall.milliseconds - moment.milliseconds) }
}

extension WallTime {
    fileprivate static func + (time: Self, span: Duration) -> Self {
        WallTime(milliseconds: time.milliseconds &+ span.milliseconds)
    }
}

/// What ended long ago is forgotten, a bounded number at a time.
extension Engine {
    /// Of applications, tasks and histories together, in one step.
    private static let mostRemovals = 512
    /// The rest follows as soon.
    private static let pause: Duration = .seconds(1)

    mutating func startRetention(at times: Times) {
        clock = SoundClock(stored: state.facts.checked, at: times)
        wake(.retention, at: times.now + settings.retention.checkInterval)
    }

    mutating func removeStale(at times: Times) {
        let ahead = clock.look(at: times)
        if ahead > settings.retention.checkInterval {
            effects.append(
                .note("the clock is \(ahead.components.seconds) s ahead of what has passed: what is old is kept longer")
            )
        }
        guard !isInMaintenance, !isRestored else {
            wake(.retention, at: times.now + settings.retention.checkInterval)
            return
        }
        state.facts.checked = clock.wall
        touched.insert(ClusterFacts.key)
        var left = Self.mostRemovals
        removeStaleApplications(&left, at: times)
        removeStaleTasks(&left, at: times)
        removeStaleServices(&left)
        removeStaleInstances(&left)
        wake(.retention, at: times.now + (left > 0 ? settings.retention.checkInterval : Self.pause))
    }

    private mutating func noteForgotten(_ owner: Owner, _ reason: String) {
        noted.forgotten.append(Changes.Forgotten(owner: owner, reason: reason))
    }

    private mutating func removeStaleApplications(_ left: inout Int, at times: Times) {
        let limit = settings.retention.applications
        let stale = state.applications.values.filter {
            $0.state == .monitoring && !state.hasInstances(of: $0.id) && $0.operation == nil && $0.share == nil
                && clock.age(since: $0.updated) >= limit
        }
        for application in stale.sorted(by: { $0.id < $1.id }).prefix(left) {
            left -= 1
            noteForgotten(.application(application.id), "nothing was wanted of it for \(limit.inWords)")
            effects.append(.note("\(application.id) is destroyed: nothing was wanted of it for \(limit.inWords)"))
            destroy(application, at: times)
        }
    }

    private mutating func removeStaleTasks(_ left: inout Int, at times: Times) {
        let limit = settings.retention.tasks
        // An end that was told late, or waits for the store, is to be seen all the same.
        let stale = state.tasks.values.filter { run in
            guard let end = run.end, !touched.contains(RecordKey(.task, run.id.rawValue)) else { return false }
            return clock.age(since: max(end.at, run.updated)) >= limit
        }
        for id in stale.map(\.id).sorted().prefix(left) {
            left -= 1
            noteForgotten(.task(id), "it ended \(limit.inWords) ago")
            effects.append(.note("task \(id) is forgotten: it ended \(limit.inWords) ago"))
            _ = forget(id, at: times)
        }
    }

    private mutating func removeStaleServices(_ left: inout Int) {
        let limit = settings.retention.services
        let stale = state.localServices.values.filter {
            $0.state == .inactive && $0.instances.isEmpty && clock.age(since: $0.updated) >= limit
        }
        for id in stale.map(\.id).sorted().prefix(left) {
            left -= 1
            noteForgotten(.localService(id), "it was inactive for \(limit.inWords)")
            effects.append(.note("local service \(id) is destroyed: it was inactive for \(limit.inWords)"))
            forget(id)
        }
    }

    private mutating func removeStaleInstances(_ left: inout Int) {
        let limits = settings.retention
        for owner in state.ended.keys.sorted() {
            guard left > 0, var history = state.ended[owner] else { continue }
            let (old, surplus) = history.trim(to: limits.mostInstances) {
                clock.age(since: $0.updated) >= limits.instances
            }
            guard old.removed + surplus.removed > 0 else { continue }
            left -= 1
            state.ended[owner] = history.pages.isEmpty ? nil : history
            for page in old.pages.union(surplus.pages) { touched.insert(Self.endedKey(owner, page: page)) }
            if old.removed > 0 {
                noteForgotten(owner, "\(old.removed) ended instances are older than \(limits.instances.inWords)")
                effects.append(
                    .note(
                        "\(old.removed) ended instances of \(owner) are forgotten: older than \(limits.instances.inWords)"
                    )
                )
            }
            if surplus.removed > 0 {
                noteForgotten(
                    owner,
                    "\(surplus.removed) ended instances are more than the \(limits.mostInstances) kept"
                )
                effects.append(
                    .note(
                        "\(surplus.removed) ended instances of \(owner) are forgotten: \(limits.mostInstances) are kept"
                    )
                )
            }
        }
    }
}

extension EndedHistory {
    /// What was removed, and from which pages.
    struct Trimmed {
        var removed = 0
        var pages: Set<Int> = []
    }

    /// Removes from the oldest on: first what `isOld`, then what is more than `most`.
    mutating func trim(to most: Int, _ isOld: (EndedInstance) -> Bool) -> (old: Trimmed, surplus: Trimmed) {
        var (old, surplus) = (Trimmed(), Trimmed())
        while let entry = pages.first?.entries.first, isOld(entry) { removeFirst(&old) }
        var count = count
        while count > most {
            removeFirst(&surplus)
            count -= 1
        }
        return (old, surplus)
    }

    private mutating func removeFirst(_ trimmed: inout Trimmed) {
        guard let page = pages.first, let entry = page.entries.first else { return }
        trimmed.removed += 1
        trimmed.pages.insert(page.number)
        pages[0].entries.removeFirst()
        pages[0].bytes -= entry.record.bytes.count
        if pages[0].entries.isEmpty { pages.removeFirst() }
    }
}

extension Duration {
    /// `7 days`, `90 minutes`.
    fileprivate var inWords: String {
        let seconds = components.seconds
        if seconds % 86_400 == 0 { return "\(seconds / 86_400) days" }
        return seconds % 3_600 == 0 ? "\(seconds / 3_600) hours" : "\(seconds / 60) minutes"
    }
}
