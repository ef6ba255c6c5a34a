import ApusEngine
import ApusModel

/// The controller's process, and the store that outlives it.
struct SimulatedController: Sendable {
    /// One run of the process.
    struct Process: Sendable {
        let life: Int64
        let clockOffset: Duration
        let began: Moment
        var turn: Turn
        /// What came while a commit was under way.
        var inbox: [Input] = []
        /// A commit is under way that has not failed yet.
        var isCommitting = false
        /// When the last turn was closed.
        var decided = Moment.zero
        /// And the one before it: what came since is decided in the last one.
        var decidedBefore = Moment.zero
        var callers: [RequestID: ReportCall] = [:]
        var outboxes: [Outbox]
        /// Looks at executors' ports that are under way.
        var probing: [ProbeCall: Probe] = [:]
        /// How many there were.
        var probes = 0
    }

    struct Deposed: Sendable {
        var process: Process
        var isAwake = false
    }

    /// The commands to one executor, and the one whose answer is awaited.
    struct Outbox: Sendable {
        var waiting: [NodeCommand] = []
        var underWay: (call: CommandCall, command: NodeCommand)?
        var calls = 0
    }

    var store = SimulatedStore()
    var process: Process?
    var starts: Int64 = 0
    var lastRequest: RequestID = 0
    var isStoreAway = false
    var isPaused = false
    /// What came while the process was paused.
    var delayed: [Event] = []
    /// A leader that hangs while another leads, or believes still to lead.
    var deposed: Deposed?
    /// How far its civil clock is off.
    var skew = Duration.zero
    var goneSince: Moment?
    var storeAwaySince: Moment?
    /// Commits tried, over all lives.
    var commits = 0
}
