package import ApusModel
package import Foundation

/// The commands that executors took, as their journals tell: of which leadership, and when.
///
/// A journal tells of all for as long as nothing in it is old enough to be forgotten, which is an hour.
package struct CommandRecord: Sendable {
    package struct Entry: Hashable, Sendable, CustomStringConvertible {
        package enum Order: Hashable, Sendable {
            case start(Owner)
            case stop
        }

        package var executor: String
        package var instance: InstanceID
        package var order: Order
        package var fence: Fence
        package var time: WallTime

        package init(executor: String, instance: InstanceID, order: Order, fence: Fence, time: WallTime) {
            self.executor = executor
            self.instance = instance
            self.order = order
            self.fence = fence
            self.time = time
        }

        package var description: String {
            let what = if case .start(let owner) = order { "start of \(owner)" } else { "stop" }
            return "\(executor): \(what) \(instance) of (\(fence.epoch), \(fence.sequence)) at \(time.milliseconds)"
        }
    }

    /// A command may be on its way when its leader gives way, and reach one executor just after another one heard from
    /// the next leader.
    private static let transit: Int64 = 1_000

    /// In the order of each executor.
    package let entries: [Entry]

    package init(_ entries: [Entry]) { self.entries = entries }

    /// Reads the journals, by their executors.
    package init(of journals: [(executor: String, path: String)]) throws {
        self.init(
            try journals.flatMap { executor, path in
                try Self.entries(of: executor, in: FileManager.default.contents(atPath: path) ?? Data())
            }
        )
    }

    package static func entries(of executor: String, in journal: Data) throws -> [Entry] {
        var entries: [Entry] = []
        var taken: Entry?
        // What follows the last line feed is being written.
        for line in journal.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            // Behind eight digits of a checksum.
            let json = try JSON(parsing: line.dropFirst(9))
            if json["kind"]?.text == "FENCE" {
                let fence = try Fence(json: try json.required("fence"))
                // The sequence 0 is none of a command: a report's answer told of the epoch.
                if var entry = taken, fence.sequence > 0 {
                    entry.fence = fence
                    entries.append(entry)
                }
                taken = nil
            } else {
                taken = try command(in: json, of: executor)
            }
        }
        return entries
    }

    /// The command of which a record tells; its fence is in the next one.
    private static func command(in json: JSON, of executor: String) throws -> Entry? {
        let unknown = Fence(epoch: 0, sequence: 0)
        switch json["kind"]?.text {
        case "ACCEPTED":
            let spec = try InstanceSpec(json: try json.required("instance"))
            let time = WallTime(milliseconds: try json.integer("created"))
            return Entry(executor: executor, instance: spec.id, order: .start(spec.owner), fence: unknown, time: time)
        case "STOP_TOLD":
            let time = WallTime(milliseconds: try json.integer("at"))
            let instance = InstanceID(try json.string("id"))
            return Entry(executor: executor, instance: instance, order: .stop, fence: unknown, time: time)
        default: return nil
        }
    }

    package func starts(of app: AppID) -> [Entry] { entries.filter { $0.order == .start(.application(app)) } }

    /// What shows that commands of two leaders were taken: no executor goes back to an earlier one, and none takes a
    /// command of a leader after another took one of a later leader.
    package var faults: [String] {
        let back = Dictionary(grouping: entries, by: \.executor).values.flatMap { own in
            zip(own, own.dropFirst()).filter { $0.fence >= $1.fence }.map { "\($1), after \($0)" }
        }
        var firsts: [Epoch: Entry] = [:]
        let inTime = entries.sorted { $0.time < $1.time }
        for entry in inTime where firsts[entry.fence.epoch] == nil { firsts[entry.fence.epoch] = entry }
        let late = inTime.compactMap { entry -> String? in
            let later = firsts.values.filter { $0.fence.epoch > entry.fence.epoch }.min { $0.time < $1.time }
            guard let later, entry.time.milliseconds > later.time.milliseconds + Self.transit else { return nil }
            return "\(entry), after \(later)"
        }
        return (back + late).sorted()
    }
}
