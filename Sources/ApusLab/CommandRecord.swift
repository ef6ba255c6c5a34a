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

    /// A command may be on its way when its leader gives way, and reach one executor that has not heard the next leader
    /// yet, as each does within 2 s, after another one has.
    private static let transit: Int64 = 3_000

    /// In the order of each executor.
    package let entries: [Entry]
    /// By executor the number of its journal's file: another one was written anew, whole.
    private let files: [String: Int]

    package init(_ entries: [Entry], files: [String: Int] = [:]) {
        self.entries = entries
        self.files = files
    }

    /// Reads the journals, by their executors.
    package init(of journals: [(executor: String, path: String)]) throws {
        var (entries, files): ([Entry], [String: Int]) = ([], [:])
        for (executor, path) in journals {
            // Before it is read: if it is written anew meanwhile, it is not taken for the later one.
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            files[executor] = (attributes[.systemFileNumber] as? NSNumber)?.intValue
            entries += try Self.entries(of: executor, in: try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        self.init(entries, files: files)
    }

    /// Nothing before the first fence is an entry: that tells of an epoch alone, or ends what was written anew.
    package static func entries(of executor: String, in journal: Data) throws -> [Entry] {
        var entries: [Entry] = []
        var taken: Entry?
        var (isFenced, isAdopted) = (false, false)
        // What follows the last line feed is being written.
        for line in journal.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            // Behind eight digits of a checksum.
            let json = try JSON(parsing: line.dropFirst(9))
            let kind = json["kind"]?.text
            if kind == "FENCE" {
                let fence = try Fence(json: try json.required("fence"))
                // The sequence 0 is none of a command: a report's answer told of the epoch.
                if var entry = taken, isFenced, fence.sequence > 0 {
                    entry.fence = fence
                    entries.append(entry)
                }
                (taken, isFenced) = (nil, true)
            } else {
                // It raised no fence, as no command may that is taken.
                if let taken, isFenced { entries.append(taken) }
                // Of a container that is found it may have been told before.
                taken = isAdopted ? nil : try command(in: json, of: executor)
            }
            isAdopted = kind == "ADOPTED"
        }
        return entries
    }

    /// The latest leadership of which a journal tells, 0 if it tells of none.
    package static func epoch(in journal: Data) throws -> Epoch {
        let lines = journal.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        return try lines.reduce(0) { epoch, line in
            let json = try JSON(parsing: line.dropFirst(9))
            return json["kind"]?.text == "FENCE" ? max(epoch, try Fence(json: try json.required("fence")).epoch) : epoch
        }
    }

    /// The command of which a record tells; its fence is in the next one, and lower than any until that is read.
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

    /// The leaderships whose commands were taken.
    package var epochs: Set<Epoch> { Set(entries.map(\.fence.epoch)) }

    /// What this one lacks of an earlier one; of an executor whose journal was written anew meanwhile nothing is asked.
    package func lacks(of earlier: CommandRecord) -> [Entry] {
        let own = Set(entries)
        return earlier.entries.filter { files[$0.executor] == earlier.files[$0.executor] && !own.contains($0) }
    }

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
