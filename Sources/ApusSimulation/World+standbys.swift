import ApusEngine
import ApusModel
import HashTreeCollections

/// A controller that stands by, and looks at the executors from elsewhere.
extension World {
    /// The leader asks what is reached from there; a store that is away tells nobody.
    mutating func askStandbys() {
        guard let life = controller.process?.life, !controller.isStoreAway else { return }
        agenda.add(.standbysSeen(life: life), after: .milliseconds(5))
    }

    mutating func seeStandbys() {
        let view = StandbyView(id: "standby", reached: reachedFromElsewhere)
        note("the standby reaches \(view.reached)")
        controllerTakes(.standbys([view]))
    }

    private var reachedFromElsewhere: Int {
        let members = controller.process?.turn.committed.members ?? [:]
        return executors.count { executor in
            members[executor.identity.id]?.isLost == false && executor.life != nil && !executor.isStopped
                && [true, false].allSatisfy { isUp in
                    let flow = Flow(executor: executor.index, isUp: isUp, channel: .control)
                    return !cuts.contains(flow) || cutsOfLeader.contains(flow)
                }
        }
    }

    /// The leader gives way: what cut it alone off does not cut off the next one.
    mutating func handOver() {
        guard let life = controller.process?.life else { return }
        met(.leaderHandedOver)
        note("controller \(life) hands over")
        controller.process = nil
        controller.delayed = []
        controller.goneSince = agenda.now
        for flow in cutsOfLeader {
            cuts.remove(flow)
            oracle.disturbed(flow.executor, at: agenda.now)
        }
        cutsOfLeader = []
        agenda.add(.controllerStarts, after: .seconds(1))
    }

    /// The leader alone does not reach these executors, nor is it heard by them.
    mutating func cutLeader(from machines: [Int], for span: Duration) {
        let before = cuts
        let milliseconds = Int(span.milliseconds)
        cut(machines, .both, milliseconds...milliseconds)
        cutsOfLeader = cuts.subtracting(before)
    }
}
