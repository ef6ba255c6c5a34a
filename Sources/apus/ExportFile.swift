import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusStore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An export that was read to its end, from a file.
struct ExportFile {
    private static let pieceBytes = 1 << 20

    let header: ExportHeader
    let records: [Record]

    /// - Throws: `CommandFailure` if it cannot be read, or is not sound.
    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("opened", path) }
        defer { _ = close(descriptor) }
        do throws(ExportFault) {
            (header, records) = try Self.read(descriptor)
        } catch {
            throw CommandFailure(.other, "\(path): \(error)")
        }
        guard header.cluster.isPlain else {
            throw CommandFailure(.other, "\(path): the cluster's id \(header.cluster) can be none")
        }
        if SmallFile.isReadByOthers(descriptor) {
            Output.error(
                "apus: others on this machine can read \(path), which holds hashes of passwords and keys: chmod 600 \(path)"
            )
        }
    }

    private static func read(_ descriptor: Int32) throws(ExportFault) -> (ExportHeader, [Record]) {
        var (reading, records) = (ExportReading(), [Record]())
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        while true {
            let count = system_read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ExportFault(description: String(cString: strerror(errno))) }
            guard count > 0 else { return (try reading.end(), records) }
            records += try reading.take(piece[..<count])
        }
    }

    private static func failure(_ doing: String, _ path: String) -> CommandFailure {
        CommandFailure(.other, "\(path) cannot be \(doing): \(String(cString: strerror(errno)))")
    }

    /// What it holds, for people.
    var lines: [String] {
        let counts = RecordKind.allCases.compactMap { kind -> String? in
            let count = records.count { $0.key.kind == kind }
            return count == 0 ? nil : "\(count) \(kind.rawValue)"
        }
        return [
            "cluster   \(header.cluster)", "exported  \(header.time.utc), \(age) ago, by apus \(header.version)",
            "epoch     \(header.epoch)",
            "records   \(counts.isEmpty ? "none" : counts.joined(separator: ", "))",
        ]
    }

    private var age: String {
        let seconds = max(0, (WallTime.now.milliseconds &- header.time.milliseconds) / 1_000)
        let (minutes, hours) = (seconds / 60, seconds / 3_600)
        if hours >= 48 { return "\(hours / 24) days" }
        if minutes >= 120 { return "\(hours) hours" }
        return seconds >= 120 ? "\(minutes) minutes" : "\(seconds) seconds"
    }
}

/// `read` of the C library, which our own method would hide.
private func system_read(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
