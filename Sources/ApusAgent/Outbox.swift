import ApusModel

/// What one step brings forth, gathered while it runs.
struct Outbox {
    let times: Times
    var leadership: Leadership
    /// Must be durable before the actions.
    var records: [JournalRecord] = []
    /// Worth keeping, but nothing waits for them: losing one costs a look at the containers.
    var facts: [JournalRecord] = []
    var actions: [AgentAction] = []
    /// The containers are to be looked at now.
    var wantsInventory = false
    /// Never repeats within one incarnation, so an outcome can be told from an earlier one's.
    var lastAttempt: Int

    var now: Moment { times.now }

    mutating func perform(_ id: InstanceID, _ job: Job) -> Int {
        lastAttempt += 1
        actions.append(.perform(id, attempt: lastAttempt, job))
        return lastAttempt
    }
}
