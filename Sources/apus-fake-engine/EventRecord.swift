import ApusModel
import Foundation
import Synchronization

/// Something that happened to a container.
struct FakeEvent: Sendable {
    enum Kind: String {
        case create, start, die, destroy
    }

    var kind: Kind
    var container: String
    var labels: [String: String]
    /// Nanoseconds since 1970.
    var time: Int64
    /// Of `die`.
    var code: Int64?

    /// As the engine's events tell it; `nil` for what they do not.
    var engineJSON: JSON? {
        guard kind != .create else { return nil }
        var attributes = labels
        attributes["exitCode"] = code.map { "\($0)" }
        return [
            "Type": "container", "Action": .string(kind.rawValue), "timeNano": .integer(time),
            "Actor": ["ID": .string(container), "Attributes": .strings(attributes)],
        ]
    }

    fileprivate var recordJSON: JSON {
        [
            "time": .integer(time / 1_000_000), "event": .string(kind.rawValue), "container": .string(container),
            "labels": .strings(labels),
        ]
    }
}

/// The file in which all events stand, one a line, from all engines of this process.
final class EventRecord: Sendable {
    private let file: Mutex<FileHandle>

    init(path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        self.file = Mutex(file)
    }

    func note(_ event: FakeEvent) {
        let line = Data(event.recordJSON.bytes + [UInt8(ascii: "\n")])
        do {
            try file.withLock { try $0.write(contentsOf: line) }
        } catch {
            preconditionFailure("the record cannot be written, so it would tell less than was done: \(error)")
        }
    }
}
