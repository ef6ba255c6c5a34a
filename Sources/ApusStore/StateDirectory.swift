import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The one directory in which a node keeps its state, locked for this process.
///
/// The lock ends with `close()`, with the last reference, or with the process, however it ends. Children do not inherit it.
package final class StateDirectory: Sendable {
    private static let lockName = "lock"

    /// Where it is, as it was given.
    package let path: String
    /// The open lock file; nil once closed.
    private let lock: Mutex<Int32?>

    /// Creates the directory if need be, readable by its owner only, and locks it.
    ///
    /// A directory that is there already keeps its permissions: it may be shared on purpose.
    ///
    /// - Throws: `locked` if another process has it, `unavailable` if it cannot be made or written.
    package init(at path: String) throws(StoreError) {
        // It would be the root of the file system.
        guard !path.isEmpty else { throw .unavailable(reason: "the path of the state directory is empty") }
        try Self.create(path)
        let lockPath = "\(path)/\(Self.lockName)"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("opening", lockPath) }
        do throws(StoreError) {
            try Self.lock(descriptor, of: path)
        } catch {
            _ = Self.closeDescriptor(descriptor)
            throw error
        }
        self.path = path
        self.lock = Mutex(descriptor)
    }

    deinit { close() }

    /// Gives the directory back, for another process or a second start in this one.
    package func close() {
        lock.withLock { descriptor in
            if let open = descriptor {
                // Not by closing alone: a child that is just being started has it too, until it runs its program.
                flock(open, LOCK_UN)
                _ = Self.closeDescriptor(open)
            }
            descriptor = nil
        }
    }

    /// What the small file of that name holds; nil if there is none.
    package func file(named name: String) throws(StoreError) -> [UInt8]? {
        let path = path(of: name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw .system("opening", path) }
        defer { _ = Self.closeDescriptor(descriptor) }
        return try Self.readAll(descriptor, path)
    }

    /// Replaces the small file of that name, whole or not at all, and returns when it is on the disk.
    package func replace(named name: String, with bytes: [UInt8]) throws(StoreError) {
        let target = path(of: name)
        let fresh = "\(target).new"
        try Self.writeAndSync(bytes, to: fresh)
        guard rename(fresh, target) == 0 else { throw .system("renaming", fresh) }
        try Self.sync(directory: path)
    }

    func path(of name: String) -> String {
        precondition(!name.isEmpty && !name.contains("/"), "not the name of a file: \(name)")
        return "\(path)/\(name)"
    }
}

// MARK: steps

extension StateDirectory {
    /// Creates what is missing of the path, from the top down.
    private static func create(_ path: String) throws(StoreError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            guard mkdir(prefix, 0o700) != 0 else { continue }
            // Some systems answer EROFS or EACCES before EEXIST: what counts is whether it is there.
            guard access(prefix, F_OK) == 0 else { throw .system("creating the directory", prefix) }
        }
    }

    private static func lock(_ descriptor: Int32, of path: String) throws(StoreError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw .system("locking", path) }
            let text = String(decoding: try readAll(descriptor, path), as: UTF8.self)
            throw .locked(path: path, pid: text.split(separator: "\n").first.flatMap { Int32($0) })
        }
        guard ftruncate(descriptor, 0) == 0 else { throw .system("writing the lock of", path) }
        try writeAll(Array("\(getpid())\n".utf8), to: descriptor, path)
    }

    private static func writeAndSync(_ bytes: [UInt8], to path: String) throws(StoreError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("creating", path) }
        defer { _ = closeDescriptor(descriptor) }
        try writeAll(bytes, to: descriptor, path)
        guard fsync(descriptor) == 0 else { throw .system("syncing", path) }
    }

    static func sync(directory path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("opening", path) }
        defer { _ = closeDescriptor(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system("syncing", path) }
    }

    private static func readAll(_ descriptor: Int32, _ path: String) throws(StoreError) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("reading", path) }
            guard count > 0 else { return content }
            content += chunk[..<count]
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(StoreError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("writing", path) }
            rest = rest.dropFirst(count)
        }
    }

    /// `close` of the C library, which our own method would hide.
    private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
        Glibc.close(descriptor)
        #elseif canImport(Musl)
        Musl.close(descriptor)
        #else
        Darwin.close(descriptor)
        #endif
    }
}

extension StoreError {
    /// The system's own reason, with what was being done to which file.
    static func system(_ doing: String, _ path: String) -> StoreError {
        let number = errno
        return .unavailable(reason: "\(doing) \(path): \(String(cString: strerror(number)))")
    }
}
