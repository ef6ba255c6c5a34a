package import ApusModel
package import ApusPlacement

/// Names one caller that waits for an answer.
package typealias RequestID = Int64

/// What the engine is told.
package enum Input: Sendable {
    /// A request to change something.
    case command(RequestID, Command)
    /// An executor's heartbeat, change or full list, whether it may join, should it be new, and the address it came from.
    case report(RequestID, NodeReport, isListed: Bool = true, source: String? = nil)
    /// An executor's answer to a command.
    case answered(ExecutorID, NodeCommand, CommandAnswer)
    /// A command did not reach its executor, or its answer did not come back.
    case sendFailed(ExecutorID, NodeCommand, reason: String)
    /// How long what has ended is kept from now on.
    case keep(Retention)
    /// What came of a look at an executor's port.
    case probed(Probe, ProbeOutcome)
    /// What the controllers reach that stand by.
    case standbys([StandbyView])
    /// Time passed.
    case tick
}

/// A request for change.
package enum Command: Hashable, Sendable {
    case application(ApplicationOperation)
    case localService(LocalServiceOperation)
    /// Ends the operation under way of a local service.
    case cancelService(ServiceID)
    /// Ends what is under way of an application, back to a steady state.
    case cancel(AppID)
    case task(TaskOperation)
    /// Forgets a task that has ended.
    case forget(TaskID)
    /// About the whole cluster or its executors.
    case cluster(ClusterCommand)
}

/// What the engine wants done, in order, after its batch is committed.
package enum Effect: Sendable {
    case answer(RequestID, CommandOutcome)
    case reply(RequestID, ReportAnswer)
    /// To the executor's outbox; never awaited.
    case send(ExecutorID, NodeCommand)
    /// To look whether the executor's port is reached, and who answers there; never awaited.
    case probe(Probe)
    /// To ask what the controllers reach that stand by; never awaited.
    case askStandbys
    /// This leader gives way to the controller of that id.
    case handOver(to: String)
    /// This leader's epoch is to be a greater one; it then takes over anew, from what the store holds.
    case raiseEpoch(above: Epoch)
    /// For the log: a decision that an operator would want to know.
    case note(String)
}

/// The answer to a request for change.
package enum CommandOutcome: Hashable, Sendable {
    /// Committed.
    case accepted(Owner)
    /// Committed: what became of a command about the cluster.
    case cluster(ClusterOutcome)
    /// Not allowed as things are: Drove's validation texts.
    case refused([String])
    /// Nothing is decided now; the reason says why and when to come again.
    case unavailable(String)
}

/// Times the engine goes by; the defaults are the architecture's.
package struct EngineSettings: Sendable {
    package var heartbeat: Duration = .seconds(2)
    /// Three missed heartbeats.
    package var silentAfter: Duration = .seconds(6)
    package var lostAfter: Duration = .seconds(10)
    /// When many fall silent together they are given up so much later.
    package var massLossHold: Duration = .seconds(60)
    /// How long nobody is given up while more than half are silent and it is not known yet what the controllers reach
    /// that stand by; `nil`: there are none.
    package var standbyPatience: Duration?
    /// What belongs to nothing known is not stopped before that: whoever else has some of the same is heard by then.
    package var strayPatience: Duration = .seconds(10)
    /// So many strays are dealt with at a time: all of them may claim the same cores, and the ledger looks at each pair.
    package var mostStrays = 2048
    /// How often a member's port is looked at, so that who joins is known to be reached, and which channel fails when one
    /// does; `nil`: never, and whoever is heard counts as reached.
    package var probing: Duration? = .seconds(10)
    /// A START or STOP that was not confirmed is sent again after so long.
    package var resendAfter: Duration = .seconds(2)
    /// How long what has ended is kept.
    package var retention = Retention()
    /// What specifications may ask for.
    package var allowances = Allowances()
    /// How what is free on executors counts where a task is placed.
    package var taskWeights = LoadWeights()
    /// Placements of one turn: more wait for the next, so that a batch stays small.
    package var placementsPerTurn = 256

    package init() {}
}
