package import ApusModel
package import ApusPlacement

/// One task: accepted, placed at most once, run to an exit code, and kept until it is forgotten (contract §4.6).
package struct TaskRun: Sendable {
    package enum Phase: Hashable, Sendable {
        /// Looks for a place.
        case unplaced
        /// Assigned, and never again to another executor.
        case placed(InstanceID)
        case ended(TaskEnd)
    }

    /// So often an executor may refuse it before it is given up.
    static let mostRefusals = 3
    /// For so long it is placed elsewhere than where it was refused.
    static let avoidance = Duration.seconds(10)

    package var spec: TaskSpec
    /// How long it may look for a place.
    package var timeout: DurationText
    package var created: WallTime
    package var updated: WallTime
    package var phase: Phase
    /// How often an executor would not take it, and so surely never started it.
    package var refusals = 0
    /// Those executors, and until when they are not asked again; soft.
    var avoided: [ExecutorID: Moment] = [:]
    /// A user wants it killed.
    package var isKilled = false
    /// The time it had spent when its record was written.
    package var spent: Duration = .zero
    /// When this leader took it up; soft.
    package var resumed: Moment
    /// When what it has spent was last stored; soft.
    var noted: Moment
    /// Why it has found no place yet; soft.
    package var shortfall: Refusal?

    package var id: TaskID { spec.id }
    var owner: Owner { .task(id) }
    /// When it is given up unless an executor has it.
    var deadline: Moment { resumed + (span - spent) }
    private var span: Duration { min(timeout.duration, .seconds(30 * 86_400)) }
    /// A change of leader costs it no more than this of its time.
    var timeBetweenNotes: Duration { max(.seconds(10), span / 8) }

    /// The executors that are not asked now.
    func avoided(at now: Moment) -> Set<ExecutorID> { Set(avoided.filter { $0.value > now }.keys) }

    /// How it ended; `nil` before.
    package var end: TaskEnd? {
        if case .ended(let end) = phase { end } else { nil }
    }
    /// As clients see it; `live` is its instance while it has one.
    package func shownState(live: Instance?) -> InstanceState {
        switch phase {
        case .unplaced: .pending
        // A task that is being killed has no state of its own on the wire.
        case .placed: live?.state == .stopping ? .deprovisioning : live?.state ?? .unknown
        case .ended(let end): end.state
        }
    }
    /// Its only instance; `nil` before it is placed, and of one that never was.
    package var instance: InstanceID? {
        switch phase {
        case .unplaced: nil
        case .placed(let id): id
        case .ended(let end): end.place?.instance
        }
    }
}

/// Where a task was placed.
package struct TaskPlace: Hashable, Sendable {
    package var instance: InstanceID
    package var executor: ExecutorID
    package var hostname: String
    package var allocation: ResourceAllocation
}

/// The end of a task; it never changes.
package struct TaskEnd: Hashable, Sendable {
    /// As Drove's clients know it (contract §4.6).
    package enum Result: String, Sendable {
        case successful = "SUCCESSFUL"
        case failed = "FAILED"
        case cancelled = "CANCELLED"
        case lost = "LOST"
    }

    /// `nil` if it never found a place.
    package var place: TaskPlace?
    /// STOPPED or LOST.
    package var state: InstanceState
    package var cause: EndCause?
    /// For people; empty of a success.
    package var error: String
    package var at: WallTime

    package var result: Result {
        switch cause {
        case .exited(code: 0, outOfMemory: _): .successful
        case .stopped(.killed): .cancelled
        case .executorLost: .lost
        default: state == .lost ? .lost : .failed
        }
    }

    /// Its container's exit code; -1 where there is none.
    package var exitCode: Int64 {
        if case .exited(let code, _) = cause { code } else { -1 }
    }
}
