import ApusModel

/// Cells of the table of hits that nothing can bring about, each with its reason.
enum Impossible {
    static func reason(_ cell: Tally<Fault, Work>.Cell) -> String? {
        switch (cell.row, cell.column) {
        case (.replacedStartFirst, .noOperation), (.replacedStopFirst, .noOperation):
            "only a replacement replaces, and it is under way then"
        case (.operationSuperseded, .noOperation): "the operation that takes the place of another is under way then"
        default: nil
        }
    }

    static func reason(_ cell: Tally<JournalTrouble, JournalledKind>.Cell) -> String? {
        switch (cell.row, cell.column) {
        case (.rewriteFailed, .forgotten), (.rewriteLost, .forgotten): "what is forgotten is left out of a rewrite"
        default: nil
        }
    }
}

/// The changes of state that there are: all others cannot be, since an executor's machine has no such step.
///
/// A state that only leads on to the next (PENDING, a failed one with nothing to stop) is passed within one step.
enum Passages {
    /// What an executor that begins, or takes an instance up, finds first; and what each state may lead to.
    private static let instances: [InstanceState?: [InstanceState]] = [
        nil: [.provisioning, .unready, .deprovisioning, .stopping, .stopped, .unknown],
        .provisioning: [.starting, .deprovisioning, .stopped],
        .starting: [.provisioning, .unready, .unhealthy, .deprovisioning, .stopping, .stopped],
        .unready: [
            .starting, .readinessCheckFailed, .ready, .unhealthy, .deprovisioning, .stopping, .unknown,
        ],
        // Marked while there is no leader, and checked on.
        .readinessCheckFailed: [.ready, .deprovisioning, .unknown],
        .ready: [.healthy, .unhealthy, .deprovisioning, .stopping],
        .healthy: [.provisioning, .starting, .unhealthy, .deprovisioning, .stopping, .unknown],
        .unhealthy: [.provisioning, .starting, .healthy, .deprovisioning, .unknown],
        .deprovisioning: [.stopped],
        .stopping: [.deprovisioning, .stopped],
        // Its end could not be written down.
        .stopped: [.deprovisioning],
        .unknown: [.provisioning, .starting, .unready, .deprovisioning, .stopping],
    ]

    private static let tasks: [InstanceState?: [InstanceState]] = [
        nil: [.provisioning, .deprovisioning, .stopped, .unknown, .running, .runCompleted],
        .provisioning: [.starting, .stopped],
        .starting: [.provisioning, .deprovisioning, .stopped, .running],
        .running: [.deprovisioning],
        .runCompleted: [.deprovisioning],
        .deprovisioning: [.stopped],
        .stopped: [.deprovisioning],
        .unknown: [.provisioning, .starting, .deprovisioning, .running],
    ]

    private static let taskRecords: [TaskStage: [TaskStage]] = [
        .absent: [.unplaced, .placed],
        .unplaced: [.placed, .failed],
        .placed: [.successful, .failed, .cancelled, .lost],
        .successful: [.absent], .failed: [.absent], .cancelled: [.absent], .lost: [.absent],
    ]

    /// They can be, but take more than one step at once: not every survey meets them.
    private static let rareInstances: [InstanceState?: [InstanceState]] = [
        nil: [.starting],
        .provisioning: [.stopping, .unhealthy],
        .starting: [.unknown],
        .unready: [.provisioning],
        .readinessCheckFailed: [.provisioning, .starting, .stopping, .unhealthy],
        .ready: [.provisioning, .starting, .unknown],
        .unhealthy: [.stopping],
        .unknown: [.unhealthy, .stopped],
    ]

    private static let rareTasks: [InstanceState?: [InstanceState]] = [.provisioning: [.deprovisioning]]

    /// Two requests, or a report and a request, decided in one turn.
    private static let rareTaskRecords: [TaskStage: [TaskStage]] = [
        .absent: [.cancelled], .unplaced: [.cancelled],
        // Its executor had no room for it after all.
        .placed: [.absent, .unplaced],
    ]

    static func isRareInstance(_ cell: Tally<Stage, Stage>.Cell) -> Bool { holds(cell, in: rareInstances) }
    static func isRareTask(_ cell: Tally<Stage, Stage>.Cell) -> Bool { holds(cell, in: rareTasks) }
    static func isRare(_ cell: Tally<TaskStage, TaskStage>.Cell) -> Bool {
        rareTaskRecords[cell.row]?.contains(cell.column) ?? false
    }

    static func instance(_ cell: Tally<Stage, Stage>.Cell) -> Bool { holds(cell, in: instances) }
    static func task(_ cell: Tally<Stage, Stage>.Cell) -> Bool { holds(cell, in: tasks) }

    private static func holds(_ cell: Tally<Stage, Stage>.Cell, in passages: [InstanceState?: [InstanceState]]) -> Bool
    {
        guard let to = cell.column.state else { return false }
        return passages[cell.row.state]?.contains(to) ?? false
    }

    static func taskRecord(_ cell: Tally<TaskStage, TaskStage>.Cell) -> Bool {
        taskRecords[cell.row]?.contains(cell.column) ?? false
    }
}
