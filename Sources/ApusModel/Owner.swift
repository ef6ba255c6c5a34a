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

    /// Whom an instance of it counts with; `name` is that of the application, if it is known.
    ///
    /// The tasks of one source application count with each other alone (no application's id or name has a slash).
    package func placementGroup(name: String?) -> PlacementGroup {
        switch self {
        case .application(let app): PlacementGroup(version: app, name: name ?? app.rawValue)
        case .task(let task): PlacementGroup(version: AppID("\(task.source)/"), name: "\(task.source)/")
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
