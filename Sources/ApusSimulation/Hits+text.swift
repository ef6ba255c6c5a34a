import ApusModel

/// The table of hits, for people, and what is missing in it.
extension Hits {
    /// Every cell that was met, by its name.
    package var cells: [String] {
        faults.met.map(Self.name) + commits.met.map(Self.name) + journals.met.map(Self.name)
            + instances.met.map { "instance " + Self.name($0) } + tasks.met.map { "task " + Self.name($0) }
            + taskRecords.met.map { "record of a task " + Self.name($0) }
    }

    /// The cells that should have been met and were not, by their names.
    package var missing: [String] {
        faults.unmet.filter { Impossible.reason($0) == nil }.map(Self.name)
            + commits.unmet.map(Self.name)
            + journals.unmet.filter { Impossible.reason($0) == nil }.map(Self.name)
            + instances.unmet.filter { Passages.instance($0) }.map { "instance " + Self.name($0) }
            + tasks.unmet.filter { Passages.task($0) }.map { "task " + Self.name($0) }
            + taskRecords.unmet.filter { Passages.taskRecord($0) }.map { "record of a task " + Self.name($0) }
    }

    /// Changes of state that were seen and should not be, by their names.
    package var unheardOf: [String] {
        instances.met.filter { !Passages.instance($0) && !Passages.isRareInstance($0) }.map {
            "instance " + Self.name($0)
        }
            + tasks.met.filter { !Passages.task($0) && !Passages.isRareTask($0) }.map { "task " + Self.name($0) }
            + taskRecords.met.filter { !Passages.taskRecord($0) && !Passages.isRare($0) }.map {
                "record of a task " + Self.name($0)
            }
    }

    private static func name<Row, Column>(_ cell: Tally<Row, Column>.Cell) -> String { "\(cell.row)/\(cell.column)" }

    package var text: String {
        let total = Fault.allCases.map { fault in
            let name = "\(fault)"
            return name + String(repeating: " ", count: max(1, 30 - name.count)) + "\(self[fault])"
        }
        return """
            faults:
            \(total.joined(separator: "\n"))

            faults by the work under way:
            \(faults.text(Self.heading, isImpossible: { Impossible.reason($0) != nil }))

            commits that failed, by the records in them:
            \(commits.text({ "\($0)" }, isImpossible: { _ in false }))

            writes to executors' journals that failed, by the records in them:
            \(journals.text({ "\($0)" }, isImpossible: { Impossible.reason($0) != nil }))

            states of instances on their executors:
            \(instances.text(Self.heading, isImpossible: { !Passages.instance($0) }))

            states of tasks on their executors:
            \(tasks.text(Self.heading, isImpossible: { !Passages.task($0) }))

            records of tasks:
            \(taskRecords.text({ "\($0)" }, isImpossible: { !Passages.taskRecord($0) }))
            """
    }

    private static func heading(_ work: Work) -> String {
        switch work {
        case .noOperation: "none"
        case .create: "create"
        case .startInstances: "start"
        case .stopInstances: "stop"
        case .scale: "scale"
        case .replaceStartFirst: "replace"
        case .replaceStopFirst: "stop1st"
        case .suspend: "suspend"
        case .recover: "recover"
        case .destroy: "destroy"
        case .rollout: "rollout"
        case .localService: "service"
        case .task: "task"
        }
    }

    private static func heading(_ stage: Stage) -> String { String(stage.description.prefix(7)) }
}
