package import ApusModel

/// What the agent is told: by the controller, by the edge that performs its actions, and by the clock.
package enum AgentEvent: Hashable, Sendable {
    /// A command arrived; exactly one `.answer` with the same `reply` follows.
    case command(NodeCommand, reply: Int64)
    /// A job ended. Every `.perform` gets exactly one, also a cancelled one; one with an old attempt is ignored.
    case outcome(InstanceID, attempt: Int, Outcome)
    /// How far a job has come, for people; an empty text says that there is nothing to say.
    case progress(InstanceID, attempt: Int, String)
    /// A container ended, seen in the container engine's event stream.
    case containerExited(ContainerID, code: Int64, outOfMemory: Bool)
    /// The event stream was away: what it would have told must be looked up.
    case exitsMissed
    /// All containers whose labels name this cluster and this executor; `number` is that of `.takeInventory`.
    case inventory([FoundContainer], number: Int)
    case inventoryFailed(reason: String, number: Int)
    /// What the machine offers, or is called, may have changed.
    case described(NodeDescription)
    /// The state directory was written to, or could not be.
    case storageTried(fault: String?)
    /// The leader answered the report of that number.
    case reportAnswered(ReportAnswer, number: Int)
    /// No leader took the report of that number, or no answer came.
    case reportFailed(number: Int)
    /// Time has passed; `nextDeadline` says when one is wanted.
    case tick
    /// The last `.record` or `.rewrite` did not become durable; `held` are the actions that waited for it.
    ///
    /// `AgentTurn` gives it before any other event.
    case recordFailed(held: [AgentAction], reason: String)
}

/// What the agent wants done, in this order.
///
/// What follows a `.record` or a `.rewrite` must wait until that is durable; `AgentTurn` sees to it.
package enum AgentAction: Hashable, Sendable {
    /// Append to the journal and make it durable. A crash may leave any prefix of the list.
    case record([JournalRecord])
    /// Put these in place of the whole journal, at once or not at all (write, sync, rename).
    case rewrite([JournalRecord])
    /// At most one job is under way per instance, but for cancelled ones.
    case perform(InstanceID, attempt: Int, Job)
    /// Give the job up; whatever its outcome is, the agent no longer waits for it.
    case cancel(InstanceID, attempt: Int)
    /// `nil`: whether the command will count is not known while the journal cannot be written; it is to be sent again.
    case answer(reply: Int64, CommandAnswer?)
    /// Send to the leader; at most one is under way.
    case report(NodeReport, number: Int)
    /// List the containers; at most one is under way.
    case takeInventory(number: Int)
    /// For the log.
    case note(AgentNote)
}

/// Something a person should be able to find in the log; each is given once, what lasts when it begins.
package enum AgentNote: Hashable, Sendable {
    /// A container of this executor whose labels are not sound: it is left alone.
    case damaged(ContainerID, name: String, reason: String)
    /// A container that the journal did not know was taken in; the leader decides what becomes of it.
    case adopted(InstanceID, ContainerID)
    /// A second container of one instance: it is removed.
    case duplicate(InstanceID, ContainerID)
    /// A container of an instance that has ended: it is removed.
    case leftover(InstanceID, ContainerID)
    /// Its container had ended by itself and there is no leader: it is started again in place, with back-off.
    case startedAgain(InstanceID, count: Int, reason: String)
    case journalUnwritable(reason: String)
    case journalWritable
    case inventoryFailed(reason: String)
    /// The leader will not have this executor.
    case reportRefused(reason: String)
}
