import ApusAgent
import ApusEngine
import ApusModel

/// What stands in the agenda.
///
/// A life says for whose run of a process it is meant.
indirect enum Event: Sendable {
    // The controller.
    case controllerStarts
    case controllerTicks(life: Int64)
    case controllerWakes
    case commitEnds(life: Int64)
    case controllerFalls(life: Int64)
    case requestArrives(Command)
    case reportArrives(ReportCall, NodeReport)
    case commandAnswered(CommandCall, CommandAnswer)
    case commandFails(CommandCall, reason: String)
    case probeAnswered(ProbeCall, ProbeOutcome)
    case probeFails(ProbeCall, reason: String)
    /// What the controllers reach that stand by is known to the leader that asked.
    case standbysSeen(life: Int64)
    /// A leader that was replaced while it hung comes to itself.
    case deposedWakes(life: Int64)
    case deposedTicks(life: Int64)
    case deposedCommits(life: Int64)
    case deposedLeaves(life: Int64)

    // An executor.
    case executorStarts(Int)
    case agentTicks(Int, life: Int64)
    case journalWritten(Int, life: Int64)
    case executorFalls(Int, life: Int64)
    /// A process that was stopped goes on.
    case executorContinues(Int, life: Int64)
    case commandArrives(CommandCall, NodeCommand)
    case probeArrives(ProbeCall)
    case replyArrives(ReportCall, ReportAnswer)
    case reportFails(ReportCall)

    // Its container engine.
    case jobEnds(Int, job: Int)
    /// The executor's process learns what became of a job.
    case outcomeKnown(Int, SimulatedExecutor.RunningJob, Outcome)
    /// The caller of a job that the container engine does not answer gives up.
    case jobGivenUp(Int, job: Int)
    case inventoryEnds(Int, life: Int64, number: Int)
    /// The container's program ends by itself.
    case programEnds(Int, ContainerID, run: Int, code: Int64, outOfMemory: Bool)
    /// The event stream of the container engine is open again.
    case streamOpens(Int, life: Int64)
    case exitSeen(Int, life: Int64, ContainerID, code: Int64, outOfMemory: Bool)

    // The world.
    case clientActs
    case serviceClientActs
    case operatorActs
    case storeExported
    case storeRestored
    case scripted(Int)
    case mischief
    case machineDies(Int)
    case heals(Ailment)
    case calm
    case inspect
    case audit
}

extension Event {
    /// The executor whose process has to run for it.
    var executorThatTakesIt: Int? {
        switch self {
        case .agentTicks(let index, _), .journalWritten(let index, _), .jobGivenUp(let index, _),
            .inventoryEnds(let index, _, _), .streamOpens(let index, _), .exitSeen(let index, _, _, _, _),
            .outcomeKnown(let index, _, _):
            index
        case .commandArrives(let call, _): call.executor
        case .probeArrives(let call): call.executor
        case .replyArrives(let call, _), .reportFails(let call): call.executor
        default: nil
        }
    }
}

/// What is wrong for a while.
enum Ailment: Hashable, Sendable {
    case storeAway
    case cut(Flow)
    case engineAway(Int)
    case diskBad(Int)
    case diskFull(Int)
    case overloaded(Int)
    /// Its clock and the controller's differ.
    case clock(Int)
    /// Others use all of the machine.
    case occupied(Int)
    case flapping(Int, ContainerID)
    case crashLoop(AppID)
}
