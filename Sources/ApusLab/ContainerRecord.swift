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

    package func starts(of task: TaskID) -> Int {
        starts.count { $0.labels["apus.task.source"] == task.source && $0.labels["apus.task.id"] == task.name }
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
}
