import CZlib

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One of the engine's json-files, open for reading: it stays so, though others rename, compress or remove it.
///
/// Not for several threads at once: what is compressed has a place of its own that it is read at.
final class EngineLogFile {
    /// The longest that the first line can be: an entry is at most 16 KiB, and each of its bytes six in JSON.
    private static let longestLine = 128 << 10

    /// It can only be read forward.
    var isCompressed: Bool { compressed != nil }

    private let path: String
    private let descriptor: Int32
    /// Of a file that ends in `.gz`.
    private let compressed: gzFile?

    /// `nil` if there is none.
    ///
    /// Throws `FileFailure` if there is one that cannot be opened.
    init?(_ path: String, isCompressed: Bool) throws(FileFailure) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else {
            compressed = nil
            let failure = FileFailure("opening", path)
            if failure.code == ENOENT { return nil }
            throw failure
        }
        guard isCompressed else {
            compressed = nil
            return
        }
        compressed = gzdopen(descriptor, "rb")
        // It fails for want of memory alone.
        guard compressed != nil else {
            let failure = FileFailure("opening", path)
            closeFile(descriptor)
            throw failure
        }
    }

    deinit {
        if let compressed { gzclose_r(compressed) } else if descriptor >= 0 { closeFile(descriptor) }
    }

    var currentPath: String? { ApusExecutor.currentPath(of: descriptor) }

    /// In bytes, as they are on the disk.
    var length: Int { lseek(descriptor, 0, SEEK_END) }

    /// Whether the other is this one, renamed or compressed meanwhile.
    func isSame(as other: EngineLogFile) throws(FileFailure) -> Bool {
        var (own, others) = (stat(), stat())
        guard fstat(descriptor, &own) == 0, fstat(other.descriptor, &others) == 0 else {
            throw FileFailure("looking at", path)
        }
        if own.st_dev == others.st_dev, own.st_ino == others.st_ino { return true }
        guard other.isCompressed, !isCompressed else { return false }
        // Not by the time that it begins with: the pieces of a line without an end all have the same.
        guard other.textLength(ofAll: others.st_size) == UInt32(truncatingIfNeeded: own.st_size) else { return false }
        let beginning = 0..<Self.longestLine
        return try read(beginning) == other.read(beginning)
    }

    /// How much is compressed in so many bytes, modulo 2³²: the last four tell it (RFC 1952).
    private func textLength(ofAll size: off_t) -> UInt32? {
        var bytes = [UInt8](repeating: 0, count: 4)
        guard size >= 4, pread(descriptor, &bytes, 4, size - 4) == 4 else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// When its first line was written, in nanoseconds of 1970; `nil` if there is no whole line.
    func firstTime() throws(FileFailure) -> Int64? { EngineLogEntry.time(ofFirst: try read(0..<Self.longestLine)) }

    /// Those bytes of its contents, as far as there are any.
    func read(_ range: Range<Int>) throws(FileFailure) -> [UInt8] {
        guard let compressed else { return try LogScan.read(descriptor, range, path) }
        // What was damaged further on does not keep what stands before from being read again.
        gzclearerr(compressed)
        guard gzseek(compressed, range.lowerBound, SEEK_SET) >= 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: range.count)
        // What is damaged ends where it can be read no further.
        let count = gzread(compressed, &bytes, UInt32(bytes.count))
        return Array(bytes.prefix(max(0, Int(count))))
    }
}

/// The name of an open file now; one that is removed has a name that is nobody's.
func currentPath(of descriptor: Int32) -> String? {
    var name = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/fd/\(descriptor)", &name, name.count)
    return count > 0 ? String(decoding: name.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
}

/// The names of one container's json-files: `x-json.log` is the newest, `.1` the one before it or `.1.gz`, and so on.
struct EngineLogNames: Sendable {
    /// Without links, as the kernel tells it.
    private let path: String
    private let folder: String
    private let name: String

    /// `nil` if there is no such file on this machine, or none that this user may read.
    init?(_ given: String) {
        guard given.hasSuffix("-json.log"), let slash = given.lastIndex(of: "/"),
            let resolved = realpath(String(given[..<slash]), nil)
        else { return nil }
        defer { free(resolved) }
        folder = String(cString: resolved)
        name = String(given[given.index(after: slash)...])
        path = "\(folder)/\(name)"
        guard !numbers().isEmpty, access(path, R_OK) == 0 || errno == ENOENT else { return nil }
    }

    func isNewest(_ file: EngineLogFile) -> Bool { file.currentPath == path }

    /// The file of that number, compressed or not.
    func open(_ number: Int) throws(FileFailure) -> EngineLogFile? {
        guard number > 0 else { return try EngineLogFile(path, isCompressed: false) }
        // While it is compressed there are both, and this one is whole.
        if let file = try EngineLogFile("\(path).\(number)", isCompressed: false) { return file }
        return try EngineLogFile("\(path).\(number).gz", isCompressed: true)
    }

    /// Every file, open, the oldest first; `nil` if a name was gone that must be there, or the newest is so no more.
    ///
    /// With `mayLack` those that there are.
    func all(lacking mayLack: Bool) throws -> [EngineLogFile]? {
        var files: [EngineLogFile] = []
        let isWhole = try newestFirst(lacking: mayLack) { file in
            // A rotation meanwhile shows one twice, and leaves none out.
            if let last = files.last, try last.isSame(as: file) { return true }
            files.append(file)
            return true
        }
        guard isWhole, let newest = files.first, mayLack || isNewest(newest) else { return nil }
        return files.reversed()
    }

    /// Every file from the newest on, as long as `body` wants another.
    ///
    /// A rotation meanwhile shows one twice, and leaves none out.
    /// - Returns: `false` if a name was gone that must be there; with `mayLack` none must.
    func newestFirst(lacking mayLack: Bool, _ body: (EngineLogFile) throws -> Bool) throws -> Bool {
        guard !mayLack else {
            for number in numbers() {
                if let file = try open(number), try !body(file) { break }
            }
            return true
        }
        var number = 0
        while let file = try open(number) {
            guard try body(file) else { return true }
            number += 1
        }
        return numbers().last.map { $0 < number } ?? false
    }

    /// Those of all files, ascending.
    private func numbers() -> [Int] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var numbers: Set<Int> = []
        while let entry = readdir(directory) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard found.hasPrefix(name) else { continue }
            let rest = found.dropFirst(name.count)
            // With `.gz.tmp` the engine reads what it has compressed.
            guard rest.isEmpty || rest.hasPrefix("."), !rest.hasSuffix(".tmp") else { continue }
            let number = rest.isEmpty ? 0 : Int(rest.dropFirst().prefix { $0.isNumber })
            if let number { numbers.insert(number) }
        }
        return numbers.sorted()
    }
}
