#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The folder of one instance's log files.
struct LogFolder: Hashable, Sendable {
    /// The folder of all logs.
    private let root: String
    private let place: LogPlace

    init(_ place: LogPlace, below root: String) {
        self.root = root
        self.place = place
    }

    var path: String { "\(root)/\(place.path)" }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Makes what is missing of the path, readable by its owner and group only, and notes that it is in use.
    func create() throws(FileFailure) {
        try NodeDirectory.create(path, mode: 0o750)
        touch()
    }

    /// Opens one of its files for reading; `nil` if there is none.
    ///
    /// Below the folder of all logs no link is followed, and what is no file is refused.
    func open(_ name: String) throws(FileFailure) -> Int32? {
        guard let folder = try opened() else { return nil }
        defer { closeFile(folder) }
        let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let failure = FileFailure("opening", path(of: name))
            if failure.code == ENOENT { return nil }
            throw failure
        }
        var byte: UInt8 = 0
        // A pipe has no places, and a folder cannot be read.
        guard lseek(descriptor, 0, SEEK_END) >= 0, pread(descriptor, &byte, 1, 0) >= 0 else {
            closeFile(descriptor)
            throw FileFailure("opening", path(of: name), code: FileFailure.noFile)
        }
        return descriptor
    }

    /// What is in it; nothing if there is no such folder.
    func names() throws(FileFailure) -> [String] {
        guard let descriptor = try opened() else { return [] }
        guard let folder = fdopendir(descriptor) else {
            let failure = FileFailure("reading", path)
            closeFile(descriptor)
            throw failure
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

    /// The folder itself, step by step; `nil` if there is none.
    private func opened() throws(FileFailure) -> Int32? {
        var descriptor = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        for step in place.path.split(separator: "/") where descriptor >= 0 {
            let next = openat(descriptor, String(step), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            let code = errno
            closeFile(descriptor)
            errno = code
            descriptor = next
        }
        guard descriptor < 0 else { return descriptor }
        let failure = FileFailure("opening", path)
        if failure.code == ENOENT { return nil }
        throw failure
    }

    /// The folder's own time says when its instance was last known to live; one that is gone needs none.
    func touch() { _ = utimensat(AT_FDCWD, path, nil, 0) }
}

/// Finds out from the files how far an output is written.
enum LogScan {
    private static let block = 64 << 10
    /// Read backwards at most: lines that stand before that are two seconds old for sure.
    private static let most = 64 << 20

    /// How many bytes whole lines take.
    static func wholeLines(_ descriptor: Int32, _ path: String) throws(FileFailure) -> Int {
        var end = try length(descriptor, path)
        while end > 0 {
            let start = max(0, end - block)
            let bytes = try read(descriptor, start..<end, path)
            if let last = bytes.lastIndex(of: UInt8(ascii: "\n")) { return start + last + 1 }
            end = start
        }
        return 0
    }

    /// The position after the last whole line, over all files, the newest first.
    static func position(in folder: LogFolder, files: Int) throws(FileFailure) -> LogPosition {
        var position = LogPosition()
        var left = most
        for number in 0..<files {
            do throws(FileFailure) {
                // A crash amid a rotation leaves a gap.
                guard let file = try OpenLogFile(LogFileName.older(number), in: folder) else { continue }
                guard try scan(file, &left, &position) else { break }
            } catch {
                guard error.code == FileFailure.damaged else { throw error }
            }
        }
        return position
    }

    /// - Returns: whether earlier files matter.
    private static func scan(
        _ file: OpenLogFile,
        _ left: inout Int,
        _ position: inout LogPosition
    ) throws(FileFailure) -> Bool {
        var end = file.length
        // The end of a line whose beginning stands before.
        var tail: [UInt8] = []
        while end > 0 {
            guard left > 0 else { return false }
            let start = max(0, end - block)
            let bytes = try file.bytes(in: start..<end) + tail
            left -= end - start
            end = start
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            tail = start > 0 ? Array(lines.removeFirst()) : []
            for line in lines.reversed() where !position.saw(line) { return false }
        }
        return true
    }

    static func length(_ descriptor: Int32, _ path: String) throws(FileFailure) -> Int {
        let length = lseek(descriptor, 0, SEEK_END)
        guard length >= 0 else { throw FileFailure("reading", path) }
        return length
    }

    /// Those bytes, as far as there are any.
    static func read(_ descriptor: Int32, _ range: Range<Int>, _ path: String) throws(FileFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor,
                    buffer.baseAddress?.advanced(by: done),
                    buffer.count - done,
                    off_t(range.lowerBound + done)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure("reading", path) }
            guard count > 0 else { break }
            done += count
        }
        return Array(bytes.prefix(done))
    }
}

extension FileFailure {
    /// Of a link, a pipe or a folder in a file's place.
    static let noFile = ELOOP
}
