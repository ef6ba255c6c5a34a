import ApusAgent
import ApusModel

/// What hits many machines at once, or one whole machine.
extension World {
    /// Which messages a partition takes.
    enum Direction: CaseIterable {
        case both
        /// The leader is heard, its executors are not.
        case up
        /// Executors are heard, and no command reaches them.
        case down
        /// Reports and their answers are lost, and commands arrive.
        case data
        /// The other way round.
        case control

        func cuts(_ channel: NodeChannel, isUp: Bool) -> Bool {
            switch self {
            case .both: true
            case .up: isUp
            case .down: !isUp
            case .data: channel == .data
            case .control: channel == .control
            }
        }
    }

    mutating func cut(_ machines: [Int], _ direction: Direction, _ milliseconds: ClosedRange<Int>) {
        let span = chances.mischief.milliseconds(milliseconds)
        for index in machines {
            note("e\(index) is cut off, \(direction)")
            oracle.disturbed(index, at: agenda.now)
            for channel in [NodeChannel.data, .control] {
                for isUp in [true, false] where direction.cuts(channel, isUp: isUp) {
                    let flow = Flow(executor: index, isUp: isUp, channel: channel)
                    cuts.insert(flow)
                    // Not all come back at the same moment.
                    agenda.add(.heals(.cut(flow)), after: span + chances.mischief.milliseconds(0...2000))
                }
            }
        }
    }

    /// One executor, some, or a whole zone are cut off: both ways or one way.
    mutating func partition(_ kind: Mischief, _ index: Int) {
        switch kind {
        case .cutOff:
            met(.partition)
            cut([index], .both, 500...40_000)
        case .cutUp:
            met(.partitionUp)
            cut([index], chances.mischief.hits(500) ? .up : .data, 500...60_000)
        case .cutDown:
            met(.partitionDown)
            cut([index], chances.mischief.hits(500) ? .down : .control, 500...60_000)
        case .cutGroup:
            met(.partitionGroup)
            let group = executors.indices.filter { _ in chances.mischief.hits(500) }
            cut(group, drawDirection(), 1000...30_000)
        default:
            guard terrain.zones > 0 else { return }
            met(.partitionZone)
            cut(terrain.machines(in: index % terrain.zones), drawDirection(), 1000...45_000)
        }
    }

    private mutating func drawDirection() -> Direction {
        chances.mischief.hits(400) ? .both : chances.mischief.pick(Direction.allCases) ?? .both
    }

    /// A zone has no power for a while: every process and every container there ends.
    mutating func losePower(ofZoneWith index: Int) {
        guard terrain.zones > 0 else { return }
        met(.zonePowerLost)
        let span = chances.mischief.milliseconds(3000...60_000)
        for index in terrain.machines(in: index % terrain.zones) where !executors[index].isGone {
            guard executors[index].process != nil else { continue }
            executors[index].outSince = agenda.now
            crashExecutor(index, .executorCrash, pause: span + chances.mischief.milliseconds(0...10_000))
            // Nothing that was asked for comes any more.
            executors[index].jobs = [:]
            for container in executors[index].containers.sorted where container.isRunning {
                exit(index, container.id, code: 137, outOfMemory: false)
            }
        }
    }

    /// The state folder is another one than before: another key, an empty journal, and the containers that were there.
    mutating func swapFolder(_ index: Int) {
        guard executors[index].folders < 3 else { return }
        met(.folderSwapped)
        crashExecutor(index, .executorCrash)
        executors[index].folders += 1
        executors[index].identity.key = NodeKey("key-\(index)-\(executors[index].folders)")
        executors[index].disk = SimulatedDisk()
        oracle.forgets(index)
        note("e\(index) has another state folder")
    }
}
