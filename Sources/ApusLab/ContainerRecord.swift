package import ApusModel
import Foundation

/// What test-only container engines have noted of their containers, whoever asked for it.
package struct ContainerRecord: Sendable {
    /// One line of an engine's record.
    package struct Entry: Hashable, Sendable {
        package enum Event: String, Sendable {
            case create, start, die, destroy
        }

        package var event: Event
        package var container: ContainerID
        package var labels: [String: String]
        package var time: WallTime

        init(json: JSON) throws(JSONError) {
            guard let event = Event(rawValue: try json.string("event")) else { throw JSONError("event is unknown") }
            self.event = event
            container = ContainerID(try json.string("container"))
            labels = try json.stringMap("labels")
            time = WallTime(milliseconds: try json.integer("time"))
        }
    }

    /// In the order of each engine.
    package let entries: [Entry]

    package init(of files: [String]) throws {
        entries = try files.flatMap { path in
            let lines = try Data(contentsOf: URL(fileURLWithPath: path))
                .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            // What follows the last line feed is being written.
            return try lines.dropLast().map { try Entry(json: try JSON(parsing: Array($0))) }
        }
    }

    private var starts: [Entry] { entries.filter { $0.event == .start } }

    /// How often each task was started.
    package var taskStarts: [TaskID: Int] {
        starts.reduce(into: [:]) { count, start in
            guard let source = start.labels["apus.task.source"], let name = start.labels["apus.task.id"] else { return }
            count[TaskID(source: source, name: name), default: 0] += 1
        }
    }

    /// Instances that were started more than once, in the same container or in another.
    package var startedAgain: [String] {
        Dictionary(grouping: starts) { $0.labels["apus.instance.id"] ?? $0.container.rawValue }
            .filter { $1.count > 1 }.keys.sorted()
    }

    package func starts(of app: AppID) -> Int { starts.count { $0.labels["apus.app.id"] == app.rawValue } }

    /// The containers of an application that have ended, whether somebody asked for it or not.
    package func ends(of app: AppID) -> [Entry] {
        entries.filter { $0.event == .die && $0.labels["apus.app.id"] == app.rawValue }
    }

    /// The instances of an application whose containers run.
    package func running(of app: AppID) -> Set<InstanceID> {
        entries.filter { $0.labels["apus.app.id"] == app.rawValue }.reduce(into: []) { running, entry in
            let id = InstanceID(entry.labels["apus.instance.id"] ?? entry.container.rawValue)
            switch entry.event {
            case .start: running.insert(id)
            case .die: running.remove(id)
            case .create, .destroy: break
            }
        }
    }
}
