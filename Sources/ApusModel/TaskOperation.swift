/// What can be asked of a task (contract §4.7).
package enum TaskOperation: SpecPart {
    case create(TaskSpec, ClusterOpSpec)
    case kill(TaskID, ClusterOpSpec)

    /// The task it is about.
    package var task: TaskID {
        switch self {
        case .create(let spec, _): spec.id
        case .kill(let task, _): task
        }
    }

    package init(_ reader: SpecReader) {
        switch reader.kind(["CREATE", "KILL"]) {
        case "CREATE": self = .create(reader.part("spec"), reader.part("opSpec"))
        default:
            self = .kill(
                TaskID(
                    source: reader.string("sourceAppName", required: "must not be empty"),
                    name: reader.string("taskId", required: "must not be empty")
                ),
                reader.part("opSpec")
            )
        }
    }

    package var json: JSON {
        switch self {
        case .create(let spec, let opSpec):
            .members(["type": "CREATE", "spec": spec.json, "opSpec": opSpec.json])
        case .kill(let task, let opSpec):
            .members([
                "type": "KILL", "sourceAppName": .string(task.source), "taskId": .string(task.name),
                "opSpec": opSpec.json,
            ])
        }
    }
}
