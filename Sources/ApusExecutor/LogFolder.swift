#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The folder of one instance's log files.
struct LogFolder: Hashable, Sendable {
    let path: String

    init(_ place: LogPlace, below root: String) { path = "\(root)/\(place.path)" }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Makes what is missing of the path, readable by its owner and group only, and notes that it is in use.
    func create() throws(FileFailure) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            guard mkdir(prefix, 0o750) != 0 else { continue }
            let failure = FileFailure("creating the directory", prefix)
            guard access(prefix, F_OK) == 0 else { throw failure }
        }
        touch()
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
            let path = folder.path(of: LogFileName.older(number))
            let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else {
                let failure = FileFailure("opening", path)
                // A crash amid a rotation leaves a gap.
                if failure.code == ENOENT { continue }
                throw failure
            }
            defer { closeFile(descriptor) }
            guard try scan(descriptor, path, &left, &position) else { break }
        }
        return position
    }

    /// - Returns: whether earlier files matter.
    private static func scan(
        _ descriptor: Int32,
        _ path: String,
        _ left: inout Int,
        _ position: inout LogPosition
    ) throws(FileFailure) -> Bool {
        var end = try length(descriptor, path)
        // The end of a line whose beginning stands before.
        var tail: [UInt8] = []
        while end > 0 {
            guard left > 0 else { return false }
            let start = max(0, end - block)
            let bytes = try read(descriptor, start..<end, path) + tail
            left -= end - start
            end = start
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            tail = start > 0 ? Array(lines.removeFirst()) : []
            for line in lines.reversed() where !position.saw(line) { return false }
        }
        return true
    }

    private static func length(_ descriptor: Int32, _ path: String) throws(FileFailure) -> Int {
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
