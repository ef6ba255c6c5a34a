import ApusModel

/// What one step brings forth, gathered while it runs.
struct Outbox {
    let times: Times
    /// Must be durable before the actions.
    var records: [JournalRecord] = []
    /// Worth keeping, but nothing waits for them: losing one costs a look at the containers.
    var facts: [JournalRecord] = []
    var actions: [AgentAction] = []
    /// Never repeats within one incarnation, so an outcome can be told from an earlier one's.
    var lastAttempt: Int

    var now: Moment { times.now }

    mutating func perform(_ id: InstanceID, _ job: Job) -> Int {
        lastAttempt += 1
        actions.append(.perform(id, attempt: lastAttempt, job))
        return lastAttempt
    }
}

/// Tries again later and later: 0.5 s doubling to 30 s.
struct Backoff: Hashable, Sendable {
    private(set) var at: Moment
    private var delay = Duration.milliseconds(500)

    init(at: Moment) { self.at = at }

    mutating func postpone(from now: Moment) {
        at = now + delay
        delay = min(delay * 2, .seconds(30))
    }
}
