import ApusContainers
import ApusModel
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One container's json-file and those that it was before: read in order, whatever is renamed meanwhile.
///
/// All calls block: they belong on the logs' own thread.
final class EngineLogChain: Sendable {
    enum Step {
        /// Frames, as the engine's API would tell them.
        case entries([UInt8])
        /// All that there is now.
        case end
        /// All that there is, and the file's name is gone.
        case gone
        /// Files went out of reach before they were read: begin again.
        case lostTrack
    }

    private struct State {
        var file: File
        /// How far it is read.
        var position = 0
        /// The beginning of a line whose end is not written yet.
        var unread: [UInt8] = []
    }

    /// Where an open file is now.
    private enum Place: Equatable {
        /// `0` is the newest, `1` the one before it.
        case number(Int)
        case removed
    }

    private static let block = 256 << 10

    /// What is wanted may stand in files before those that can be read.
    let beginsLate: Bool
    /// Without links, as the kernel tells it.
    private let path: String
    private let state: Mutex<State>

    /// `nil` if the file cannot be read: it is not on this machine, or not for this user.
    init?(_ name: String, since: Int64?) throws {
        guard var file = File(name), let path = file.path, path.hasSuffix("-json.log") else { return nil }
        self.path = path
        var number = 1
        var first = try Self.firstTime(of: file)
        // The newest that begins before what is wanted; without a beginning, the oldest.
        func isCovered() -> Bool { first.map { first in since.map { first < $0 } ?? false } ?? false }
        while !isCovered(), let older = File("\(path).\(number)") {
            file = older
            first = try Self.firstTime(of: older)
            number += 1
        }
        beginsLate = !isCovered() && access("\(path).\(number).gz", F_OK) == 0
        state = Mutex(State(file: file))
    }

    /// What comes next.
    func next() throws -> Step {
        try state.withLock { state in
            while true {
                // Asked before it is read: what was written before a rotation is then read to its end.
                let place = place(of: state.file)
                let end = state.position + Self.block
                let bytes = try LogScan.read(state.file.descriptor, state.position..<end, path)
                guard bytes.isEmpty else {
                    state.position += bytes.count
                    state.unread += bytes
                    let entries = Self.frames(of: &state.unread)
                    if entries.isEmpty { continue }
                    return .entries(entries)
                }
                switch place {
                case .removed: return access(path, F_OK) == 0 ? .lostTrack : .gone
                case .number(0):
                    // With one file alone the engine cuts it in place of a rotation.
                    guard lseek(state.file.descriptor, 0, SEEK_END) < state.position else { return .end }
                    state.position = 0
                case .number(let number):
                    guard let file = File(number == 1 ? path : "\(path).\(number - 1)") else {
                        return number == 1 ? .gone : .lostTrack
                    }
                    // Renamed meanwhile, they are one further on.
                    guard self.place(of: state.file) == place else { continue }
                    state.file = file
                    state.position = 0
                }
                state.unread = []
            }
        }
    }

    private func place(of file: File) -> Place {
        guard let now = file.path, now.hasPrefix(path) else { return .removed }
        if now == path { return .number(0) }
        guard let number = Int(now.dropFirst(path.count + 1)) else { return .removed }
        return .number(number)
    }

    private static func firstTime(of file: File) throws(FileFailure) -> Int64? {
        // An entry is at most 16 KiB, and each of its bytes six in JSON.
        let bytes = try LogScan.read(file.descriptor, 0..<(128 << 10), "the engine's log")
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return entry(bytes[..<end]).flatMap { ContainerLogEntry.nanoseconds($0.time) }
    }

    // MARK: lines

    /// The whole lines, as frames; the rest stays.
    private static func frames(of bytes: inout [UInt8]) -> [UInt8] {
        var frames: [UInt8] = []
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let entry = entry(bytes[start..<end]) {
                let length = UInt32(entry.bytes.count)
                frames += [entry.stream == .err ? 2 : 1, 0, 0, 0]
                for shift in stride(from: UInt32(24), through: 0, by: -8) {
                    frames.append(UInt8(truncatingIfNeeded: length >> shift))
                }
                frames += entry.bytes
            }
            start = end + 1
        }
        bytes.removeFirst(start)
        return frames
    }

    /// Reads `{"log":"…\n","stream":"stdout","time":"…Z"}`.
    ///
    /// A crash of the engine can leave half a line before the next one on the same line: that half was never whole.
    private static func entry(_ line: ArraySlice<UInt8>) -> ContainerLogEntry? {
        let opening = Array(#"{"log":"#.utf8)
        var rest = line
        while rest.count >= opening.count {
            do {
                let json = try JSON(parsing: rest)
                guard let text = json["log"]?.text, let time = json["time"]?.text.flatMap(fullTime) else { return nil }
                return ContainerLogEntry(
                    stream: json["stream"]?.text == "stderr" ? .err : .out,
                    bytes: time + [UInt8(ascii: " ")] + text.utf8
                )
            } catch {
                guard let next = rest.dropFirst().indices.first(where: { rest[$0...].starts(with: opening) }) else {
                    return nil
                }
                rest = rest[next...]
            }
        }
        return nil
    }

    /// With all nine digits: here the engine leaves out zeros at the end, and the point with them.
    private static func fullTime(_ text: String) -> [UInt8]? {
        var bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.popLast() == UInt8(ascii: "Z") else { return nil }
        if bytes.count == 19 { bytes.append(UInt8(ascii: ".")) }
        while bytes.count < 29 { bytes.append(UInt8(ascii: "0")) }
        bytes.append(UInt8(ascii: "Z"))
        return bytes.count == ContainerLogEntry.timeLength ? bytes : nil
    }
}

/// A file that is open for reading, and knows its name though others change it.
private final class File: Sendable {
    let descriptor: Int32

    init?(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit { closeFile(descriptor) }

    /// Its name now; one that is removed has a name that is nobody's.
    var path: String? {
        var name = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(descriptor)", &name, name.count)
        return count > 0 ? String(decoding: name.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
}
