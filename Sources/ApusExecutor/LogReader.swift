import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why a log file is not read, for the person who asked.
package struct LogRefusal: Error, CustomStringConvertible {
    package var description: String
}

/// A part of a log file.
package struct LogPiece: Hashable, Sendable {
    package var data: String
    package var offset: Int
    /// Where the file goes on: the text may take other than as many bytes if they are no UTF-8.
    package var next: Int
    /// What tells this file from those before and after it, under any name: the time of its first line.
    package var file: String
    package var length: Int

    /// There is no more yet.
    fileprivate var isEnd: Bool { data.isEmpty && offset >= length }
}

/// How many are under way.
private final class Places: Sendable {
    private let count = Mutex(0)

    func begin(atMost most: Int) -> Bool {
        count.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
    }

    func end() { count.withLock { $0 -= 1 } }
}

/// Reads the log files that are kept here, of what runs and of what has ended.
package struct LogReader: Sendable {
    /// A read without a length.
    static let usualLength = 32_768
    /// In JSON, and on its way through a controller, a piece takes up to ten times that.
    package static let mostBytes = 256 << 10
    /// A read waits for new lines at most so long, and looks for them so often.
    package static let longestWait = Duration.seconds(3)
    private static let waitInterval = Duration.milliseconds(100)
    /// So many reads wait at a time; more are answered at once.
    private static let mostWaiting = 32
    /// So many downloads are under way at a time: each holds a piece, however slowly it is taken.
    private static let mostDownloads = 16

    private let root: String
    private let disk: DiskThread
    private let waiting = Places()
    private let downloads = Places()

    package init(root: String, disk: DiskThread) {
        self.root = root
        self.disk = disk
    }

    /// What Drove's paths name, which do not say what kind it is: an application's instance, or else a task.
    package func place(owner: String, name: String) async throws -> LogPlace {
        guard let task = LogPlace(.tasks, owner: owner, name: name),
            let application = LogPlace(.applications, owner: owner, name: name),
            let service = LogPlace(.localservices, owner: owner, name: name)
        else { throw LogRefusal(description: "\(owner)/\(name) names no instance and no task") }
        for place in [application, service] {
            let path = LogFolder(place, below: root).path
            if try await disk.run({ access(path, F_OK) == 0 }) { return place }
        }
        return task
    }

    /// The names of the files, the newest first; none if nothing was ever started there.
    package func files(of place: LogPlace) async throws -> [String] {
        let folder = LogFolder(place, below: root)
        let names = try await disk.run { try folder.names() }
        return LogFileName.ordered(Array(Set(names.filter(LogFileName.isOne).map(LogFileName.plain))))
    }

    /// As Drove reads (contract §1.7): `offset` -1 tells the length, `length` -1 stands for 32 KiB.
    ///
    /// A piece ends with a whole character, and is at most 256 KiB. Where there is nothing yet, and the file is still the
    /// one that it was, something is waited for.
    package func read(
        _ name: String,
        of place: LogPlace,
        offset: Int,
        length: Int,
        waiting wait: Duration = .zero
    ) async throws -> LogPiece {
        let end = ContinuousClock.now + min(wait, Self.longestWait)
        let first = try await read(name, of: place, offset: offset, length: length)
        guard wait > .zero, first.isEnd, offset >= 0, length != 0, waiting.begin(atMost: Self.mostWaiting) else {
            return first
        }
        defer { waiting.end() }
        while ContinuousClock.now < end {
            try await Task.sleep(for: Self.waitInterval)
            let piece = try await read(name, of: place, offset: offset, length: length)
            // Before its first line a file has no mark.
            guard piece.isEnd, piece.file == first.file else { return piece }
        }
        return first
    }

    private func read(_ name: String, of place: LogPlace, offset: Int, length: Int) async throws -> LogPiece {
        let wanted = length == -1 ? Self.usualLength : min(length, Self.mostBytes)
        guard offset >= -1, length >= -1 else {
            throw LogRefusal(description: "offset and length must be -1 or more")
        }
        guard offset >= 0 || length == -1 else {
            throw LogRefusal(description: "an offset of -1 asks for the end of the file, and takes no length")
        }
        guard LogFileName.plain(name) == name else {
            throw LogRefusal(description: "\(name) is compressed: read \(LogFileName.plain(name)), which is its text")
        }
        let folder = try folder(of: name, place)
        return try await disk.run {
            let file = try Self.opened(name, in: folder)
            let first = try file.bytes(in: 0..<Self.idLength)
            let id = first.count == Self.idLength ? String(decoding: first, as: UTF8.self) : ""
            guard offset >= 0 else {
                return LogPiece(data: "", offset: file.length, next: file.length, file: id, length: file.length)
            }
            // Beyond the end there is nothing, wherever that may be.
            let (end, overflow) = offset.addingReportingOverflow(wanted)
            let read = overflow || offset > file.length ? [] : try file.bytes(in: offset..<min(end, file.length))
            let bytes = Self.wholeCharacters(read)
            return LogPiece(
                data: String(decoding: bytes, as: UTF8.self),
                offset: offset,
                next: offset + bytes.count,
                file: id,
                length: file.length
            )
        }
    }

    /// As long as a time.
    private static let idLength = 30

    /// Opens a file to be read piece by piece, whatever is renamed meanwhile.
    func open(_ name: String, of place: LogPlace) async throws -> LogDownload {
        let folder = try folder(of: name, place)
        guard downloads.begin(atMost: Self.mostDownloads) else {
            throw LogRefusal(description: "\(Self.mostDownloads) downloads are under way here: try again when one ends")
        }
        do {
            let file = try await disk.run { try Self.opened(name, in: folder) }
            return LogDownload(file: file, disk: disk, places: downloads)
        } catch {
            downloads.end()
            throw error
        }
    }

    private func folder(of name: String, _ place: LogPlace) throws -> LogFolder {
        guard LogFileName.isOne(name) else {
            throw LogRefusal(description: "\(name) is no log file: their names begin with \(LogFileName.prefix)")
        }
        return LogFolder(place, below: root)
    }

    /// The text of a compressed file under its plain name, and what is on the disk under its own.
    private static func opened(_ name: String, in folder: LogFolder) throws -> OpenLogFile {
        let found: OpenLogFile?
        do throws(FileFailure) {
            found = try OpenLogFile(name, in: folder)
        } catch {
            switch error.code {
            case FileFailure.noFile, ENOTDIR, ENXIO: throw LogRefusal(description: "that is no log file")
            default: throw error
            }
        }
        guard let found else {
            throw LogRefusal(description: "there is no such log file here; it may have been removed with time")
        }
        return found
    }

    /// Without the beginning of a character at the end, unless there is nothing else.
    static func wholeCharacters(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        for back in 1...4 where back <= bytes.count {
            let index = bytes.count - back
            let needed: Int
            switch bytes[index] {
            case 0x80...0xBF: continue
            case 0xC2...0xDF: needed = 2
            case 0xE0...0xEF: needed = 3
            case 0xF0...0xF4: needed = 4
            default: return bytes[...]
            }
            return needed > back && index > 0 ? bytes[..<index] : bytes[...]
        }
        return bytes[...]
    }
}

/// A log file that somebody reads to its end; one of a few at a time.
final class LogDownload: Sendable {
    private let file: OpenLogFile
    private let disk: DiskThread
    private let places: Places

    fileprivate init(file: OpenLogFile, disk: DiskThread, places: Places) {
        self.file = file
        self.disk = disk
        self.places = places
    }

    deinit { places.end() }

    var length: Int { file.length }

    func bytes(in range: Range<Int>) async throws -> [UInt8] {
        try await disk.run { [file] in try file.bytes(in: range) }
    }
}
