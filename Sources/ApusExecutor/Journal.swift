package import ApusAgent
import ApusModel
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The executor's memory on disk: records appended and synced, rewritten whole now and then.
///
/// All calls block: they belong on a thread of their own. After a failed append the next one begins where the last
/// durable record ended, so a failure leaves nothing half written behind.
package final class Journal: Sendable {
    /// Something a person should know of how the journal was found.
    package enum Finding: Hashable, Sendable {
        /// The last write before a crash was not finished; it was cut off.
        case unfinished(bytes: Int)
        /// Lines that cannot be read; the whole file is kept at `path`, the records of the other lines are used.
        case damaged(lines: [Int], kept: String)
    }

    private struct File {
        var descriptor: Int32
        /// Durable bytes.
        var length: Int
        /// Bytes may stand behind `length`.
        var hasLeftovers = false
        /// A rename that is not durable: until it is, what is appended could be lost with it.
        var hasUnsyncedName = false
    }

    private static let name = "journal"
    private let directory: NodeDirectory
    private let file: Mutex<File?>

    private init(_ directory: NodeDirectory, _ file: File) {
        self.directory = directory
        self.file = Mutex(file)
    }

    deinit { close() }

    /// Opens the journal, makes it if there is none, and repairs what a crash or the disk has done to it.
    ///
    /// - Throws: `FileFailure`, or `ExecutorError` if another version of Apus wrote it.
    package static func open(
        in directory: NodeDirectory
    ) throws -> (journal: Journal, records: [JournalRecord], findings: [Finding]) {
        let path = directory.path(of: name)
        guard let bytes = try directory.contents(of: name) else {
            return (Journal(directory, try fresh(in: directory, holding: [])), [], [])
        }
        let reading: JournalReading
        do throws(JSONError) {
            reading = try JournalReading(bytes)
        } catch {
            throw ExecutorError(
                """
                the journal \(path) was written by another version of Apus (\(error)). Start that version, or move \
                the journal away: its instances are then found again by their containers' labels
                """
            )
        }
        var findings: [Finding] = []
        if bytes.count > reading.soundBytes {
            findings.append(.unfinished(bytes: bytes.count - reading.soundBytes))
        }
        // Without a sound header (an empty file, a damaged first line) it is written anew as well.
        guard reading.damagedLines.isEmpty, reading.soundBytes > 0 else {
            if !reading.damagedLines.isEmpty {
                findings.append(.damaged(lines: reading.damagedLines, kept: try keepDamaged(in: directory)))
            }
            return (Journal(directory, try fresh(in: directory, holding: reading.records)), reading.records, findings)
        }
        return (Journal(directory, try existing(path, soundBytes: reading.soundBytes)), reading.records, findings)
    }

    /// Durable bytes; 0 once closed.
    package var length: Int { file.withLock { $0?.length ?? 0 } }

    /// Appends the records and returns when they are durable.
    package func append(_ records: [JournalRecord]) throws(FileFailure) {
        try changing { file throws(FileFailure) in
            let path = directory.path(of: Self.name)
            if file.hasUnsyncedName {
                try directory.sync()
                file.hasUnsyncedName = false
            }
            if file.hasLeftovers {
                guard ftruncate(file.descriptor, off_t(file.length)) == 0 else { throw FileFailure("cutting", path) }
            }
            let bytes = records.flatMap(JournalLine.line)
            file.hasLeftovers = true
            try writeFile(file.descriptor, bytes, at: file.length, path)
            guard fdatasync(file.descriptor) == 0 else { throw FileFailure("syncing", path) }
            file.hasLeftovers = false
            file.length += bytes.count
        }
    }

    /// Puts these records in place of the whole journal, at once or not at all, and returns when that is durable.
    package func rewrite(_ records: [JournalRecord]) throws(FileFailure) {
        try changing { file throws(FileFailure) in
            let bytes = Self.bytes(of: records)
            let descriptor = try directory.prepare(Self.name, holding: bytes)
            do throws(FileFailure) {
                try directory.settle(Self.name)
            } catch {
                closeFile(descriptor)
                throw error
            }
            closeFile(file.descriptor)
            file = File(descriptor: descriptor, length: bytes.count, hasUnsyncedName: true)
            try directory.sync()
            file.hasUnsyncedName = false
        }
    }

    /// Closes the file; later writes fail.
    package func close() {
        file.withLock { file in
            if let open = file { closeFile(open.descriptor) }
            file = nil
        }
    }

    private func changing(_ change: (inout File) throws(FileFailure) -> Void) throws(FileFailure) {
        let failure: FileFailure? = file.withLock { slot in
            guard var file = slot else { return FileFailure("writing", directory.path(of: Self.name), code: EBADF) }
            defer { slot = file }
            do throws(FileFailure) {
                try change(&file)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private static func bytes(of records: [JournalRecord]) -> [UInt8] {
        JournalLine.header + records.flatMap(JournalLine.line)
    }

    private static func fresh(in directory: NodeDirectory, holding records: [JournalRecord]) throws -> File {
        let bytes = bytes(of: records)
        let descriptor = try directory.prepare(name, holding: bytes)
        do {
            try directory.settle(name)
            try directory.sync()
        } catch {
            closeFile(descriptor)
            throw error
        }
        return File(descriptor: descriptor, length: bytes.count)
    }

    private static func existing(_ path: String, soundBytes: Int) throws -> File {
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("opening", path) }
        // Synced even if nothing is cut: what was read may have come from memory alone.
        guard ftruncate(descriptor, off_t(soundBytes)) == 0, fsync(descriptor) == 0 else {
            let failure = FileFailure("cutting", path)
            closeFile(descriptor)
            throw failure
        }
        return File(descriptor: descriptor, length: soundBytes)
    }

    /// A second name for the file as it is: the sound one is renamed over the first.
    private static func keepDamaged(in directory: NodeDirectory) throws -> String {
        let path = directory.path(of: name)
        for number in 1...1_000 {
            let kept = "\(path).damaged-\(number)"
            if link(path, kept) == 0 { return kept }
            let failure = FileFailure("keeping a damaged journal as", kept)
            guard failure.code == EEXIST else { throw failure }
        }
        throw ExecutorError("\(path) is damaged, and a thousand damaged ones are kept beside it: look at the disk")
    }
}
