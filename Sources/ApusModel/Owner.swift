/// What an instance belongs to.
package enum Owner: Hashable, Comparable, Sendable, CustomStringConvertible {
    case application(AppID)
    case task(TaskID)

    package var description: String {
        switch self {
        case .application(let app): app.rawValue
        case .task(let task): "task \(task)"
        }
    }

    /// Instances of one group count towards the limits of a placement policy: those of an application, or the tasks of
    /// one source application (no application's id has a slash).
    package var placementGroup: AppID {
        switch self {
        case .application(let app): app
        case .task(let task): AppID("\(task.source)/")
        }
    }

    package static func < (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.application(let left), .application(let right)): left < right
        case (.task(let left), .task(let right)): left < right
        case (.application, .task): true
        case (.task, .application): false
        }
    }

    /// The form in messages and records: an application's id, or a task's two names.
    package var json: JSON {
        switch self {
        case .application(let app): app.json
        case .task(let task): .members(["source": .string(task.source), "task": .string(task.name)])
        }
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        if case .string(let app) = json {
            self = .application(AppID(app))
        } else {
            self = .task(TaskID(source: try json.string("source"), name: try json.string("task")))
        }
    }
}
