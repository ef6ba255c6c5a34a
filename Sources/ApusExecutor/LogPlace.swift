package import ApusModel

/// Whose output a folder of log files holds.
package struct LogPlace: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        case applications, tasks, localservices
    }

    package let kind: Kind
    /// The application's or local service's id, or the name of the task's source application.
    package let owner: String
    /// The instance's id, or the task's.
    package let name: String

    /// `nil` if a name is none that a folder can safely have.
    package init?(_ kind: Kind, owner: String, name: String) {
        guard Self.isPlain(owner), Self.isPlain(name) else { return nil }
        self.kind = kind
        self.owner = owner
        self.name = name
    }

    /// An instance's own place: a task is known by its name, not by its container's.
    package init?(owner: Owner, instance: InstanceID) {
        switch owner {
        case .application(let app): self.init(.applications, owner: app.rawValue, name: instance.rawValue)
        case .localService(let service):
            self.init(.localservices, owner: service.rawValue, name: instance.rawValue)
        case .task(let task): self.init(.tasks, owner: task.source, name: task.name)
        }
    }

    /// Below the folder of all logs.
    var path: String { "\(kind.rawValue)/\(owner)/\(name)" }
    package var description: String { "\(owner)/\(name)" }

    /// One step of a path that leads nowhere else.
    static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }
}

/// The names of the files in such a folder.
enum LogFileName {
    static let prefix = "output."
    static let newest = "output.log"

    /// The n-th older one; 0 is the newest.
    static func older(_ number: Int) -> String { number == 0 ? newest : "\(newest).\(number)" }

    /// What it is called on the disk once it is compressed.
    static func compressed(_ name: String) -> String { "\(name)\(compression)" }

    /// What readers call it, whether it is compressed or not.
    static func plain(_ name: String) -> String {
        name.hasSuffix(compression) ? String(name.dropLast(compression.utf8.count)) : name
    }

    private static let compression = ".gz"

    static func isOne(_ name: String) -> Bool { name.hasPrefix(prefix) && LogPlace.isPlain(name) }

    /// The newest first: `output.log.10` comes after `output.log.9`.
    static func ordered(_ names: [String]) -> [String] {
        func number(_ name: String) -> Int {
            name == newest ? 0 : Int(name.dropFirst(newest.utf8.count + 1)) ?? Int.max
        }
        return names.sorted { (number($0), $0) < (number($1), $1) }
    }
}
