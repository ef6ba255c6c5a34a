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
}

/// Reads the log files that are kept here, of what runs and of what has ended.
package struct LogReader: Sendable {
    /// A read without a length.
    static let usualLength = 32_768
    package static let mostBytes = 1 << 20

    private let root: String
    private let disk: DiskThread

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
        let path = LogFolder(place, below: root).path
        let names = try await disk.run { () throws(FileFailure) -> [String] in
            guard let folder = opendir(path) else {
                let failure = FileFailure("reading", path)
                guard failure.code == ENOENT else { throw failure }
                return []
            }
            defer { closedir(folder) }
            var names: [String] = []
            while let entry = readdir(folder) {
                names.append(
                    withUnsafePointer(to: &entry.pointee.d_name) { name in
                        name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    }
                )
            }
            return names
        }
        return LogFileName.ordered(names.filter(LogFileName.isOne))
    }

    /// As Drove reads (contract §1.7): `offset` -1 tells the length, `length` -1 stands for 32 KiB.
    ///
    /// A piece ends with a whole character, and is at most 1 MiB.
    package func read(_ name: String, of place: LogPlace, offset: Int, length: Int) async throws -> LogPiece {
        let wanted = length == -1 ? Self.usualLength : min(length, Self.mostBytes)
        guard offset >= -1, length >= -1 else {
            throw LogRefusal(description: "offset and length must be -1 or more")
        }
        guard offset >= 0 || length == -1 else {
            throw LogRefusal(description: "an offset of -1 asks for the end of the file, and takes no length")
        }
        let path = try path(of: name, place)
        return try await disk.run {
            let file = try OpenLogFile(path)
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
    func open(_ name: String, of place: LogPlace) async throws -> OpenLogFile {
        let path = try path(of: name, place)
        return try await disk.run { try OpenLogFile(path) }
    }

    func bytes(of file: OpenLogFile, in range: Range<Int>) async throws -> [UInt8] {
        try await disk.run { try file.bytes(in: range) }
    }

    private func path(of name: String, _ place: LogPlace) throws -> String {
        guard LogFileName.isOne(name) else {
            throw LogRefusal(description: "\(name) is no log file: their names begin with \(LogFileName.prefix)")
        }
        return LogFolder(place, below: root).path(of: name)
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

/// A log file that stays the same one while it is renamed, up to the length it had when it was opened.
final class OpenLogFile: Sendable {
    let length: Int
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let failure = FileFailure("opening", path)
            guard failure.code == ENOENT else { throw failure }
            throw LogRefusal(description: "there is no such log file here; it may have been removed with time")
        }
        let length = lseek(descriptor, 0, SEEK_END)
        var byte: UInt8 = 0
        // A folder has a length too, and cannot be read.
        guard length >= 0, pread(descriptor, &byte, 1, 0) >= 0 else {
            closeFile(descriptor)
            throw LogRefusal(description: "that is no log file")
        }
        self.length = Int(length)
        self.descriptor = descriptor
        self.path = path
    }

    deinit { closeFile(descriptor) }

    func bytes(in range: Range<Int>) throws(FileFailure) -> [UInt8] { try LogScan.read(descriptor, range, path) }
}
