/// What an instance belongs to.
package enum Owner: Hashable, Comparable, Sendable, CustomStringConvertible {
    case application(AppID)
    case task(TaskID)
    case localService(ServiceID)

    package var description: String {
        switch self {
        case .application(let app): app.rawValue
        case .task(let task): "task \(task)"
        case .localService(let service): "local service \(service)"
        }
    }

    /// Whom an instance of it counts with; `name` is that of the application, if it is known.
    ///
    /// The tasks of one source application count with each other alone (no application's id or name has a slash).
    package func placementGroup(name: String?) -> PlacementGroup {
        switch self {
        case .application(let app): PlacementGroup(version: app, name: name ?? app.rawValue)
        case .task(let task): PlacementGroup(version: AppID("\(task.source)/"), name: "\(task.source)/")
        case .localService(let service): PlacementGroup(version: AppID("/\(service)"), name: "/\(service)")
        }
    }

    /// Local services first: an executor must have its own before it takes other work.
    package static func < (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.localService(let left), .localService(let right)): left < right
        case (.application(let left), .application(let right)): left < right
        case (.task(let left), .task(let right)): left < right
        case (.localService, _), (.application, .task): true
        case (_, .localService), (.task, .application): false
        }
    }

    /// The form in messages and records: an application's id, a task's two names, or an object with a service's id.
    package var json: JSON {
        switch self {
        case .application(let app): app.json
        case .task(let task): .members(["source": .string(task.source), "task": .string(task.name)])
        case .localService(let service): .members(["service": service.json])
        }
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        if case .string(let app) = json {
            self = .application(AppID(app))
        } else if json["service"] != nil {
            self = .localService(ServiceID(try json.string("service")))
        } else {
            self = .task(TaskID(source: try json.string("source"), name: try json.string("task")))
        }
    }
}
