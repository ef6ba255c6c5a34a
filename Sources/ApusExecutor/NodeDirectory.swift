import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The directory in which an executor keeps what it must know after a crash, locked for this process.
///
/// The lock ends with `close`, with the last reference, or with the process, however it ends. All calls block: they
/// belong on a thread of their own.
package final class NodeDirectory: Sendable {
    package let path: String
    /// The open lock file; `nil` once closed.
    private let lock: Mutex<Int32?>

    /// Creates the directory if need be, readable by its owner only, and locks it.
    ///
    /// - Throws: `ExecutorError` if another process has it, `FileFailure` if it cannot be made or written.
    package init(at path: String) throws {
        try Self.create(path, mode: 0o700)
        let lockPath = "\(path)/executor.lock"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFailure("opening", lockPath) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = FileFailure("locking", lockPath)
            closeFile(descriptor)
            guard failure.code == EWOULDBLOCK else { throw failure }
            throw ExecutorError(
                "another executor uses \(path): stop it, or give this one a state directory of its own"
            )
        }
        self.path = path
        lock = Mutex(descriptor)
    }

    deinit { close() }

    /// Gives the directory back.
    package func close() {
        lock.withLock { descriptor in
            // A child that another thread is just starting may hold the file open for a moment more.
            if let open = descriptor {
                flock(open, LOCK_UN)
                closeFile(open)
            }
            descriptor = nil
        }
    }

    package func path(of name: String) -> String { "\(path)/\(name)" }

    /// What the file of that name holds; `nil` if there is none.
    package func contents(of name: String) throws(FileFailure) -> [UInt8]? {
        let path = path(of: name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let failure = FileFailure("opening", path)
            guard failure.code == ENOENT else { throw failure }
            return nil
        }
        defer { closeFile(descriptor) }
        return try readFile(descriptor, path)
    }

    /// Writes a file beside its place and syncs it; `settle` puts it there.
    ///
    /// The descriptor stays open for the caller.
    package func prepare(_ name: String, holding bytes: [UInt8]) throws(FileFailure) -> Int32 {
        let fresh = path(of: "\(name).new")
        let descriptor = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFailure("creating", fresh) }
        do throws(FileFailure) {
            try writeFile(descriptor, bytes, at: 0, fresh)
            guard fsync(descriptor) == 0 else { throw FileFailure("syncing", fresh) }
        } catch {
            closeFile(descriptor)
            throw error
        }
        return descriptor
    }

    /// Puts a prepared file in its place, whole; durable after `sync`.
    package func settle(_ name: String) throws(FileFailure) {
        guard rename(path(of: "\(name).new"), path(of: name)) == 0 else {
            throw FileFailure("renaming to", path(of: name))
        }
    }

    /// Replaces the file of that name, whole or not at all, and returns when that is durable.
    package func replace(_ name: String, with bytes: [UInt8]) throws(FileFailure) {
        closeFile(try prepare(name, holding: bytes))
        try settle(name)
        try sync()
    }

    /// Writes as much as a large specification needs, syncs it, and removes it again.
    package func tryWriting() throws(FileFailure) {
        let name = "room"
        let result: Result<Int32, FileFailure> = Result { () throws(FileFailure) in
            try prepare(name, holding: [UInt8](repeating: 0, count: 1 << 18))
        }
        _ = unlink(path(of: "\(name).new"))
        closeFile(try result.get())
    }

    /// Makes names durable: what was created, renamed or linked here.
    package func sync() throws(FileFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("opening", path) }
        defer { closeFile(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileFailure("syncing", path) }
    }

    /// Creates what is missing of the path, from the top down.
    static func create(_ path: String, mode: mode_t) throws(FileFailure) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            guard mkdir(prefix, mode) != 0 else { continue }
            let failure = FileFailure("creating the directory", prefix)
            // Some systems answer EROFS or EACCES before EEXIST: what counts is whether it is there.
            guard access(prefix, F_OK) == 0 else { throw failure }
        }
    }
}

/// A call on a file that the system refused.
package struct FileFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var doing: String
    package var path: String
    /// The `errno`.
    package var code: Int32

    init(_ doing: String, _ path: String, code: Int32 = errno) {
        self.doing = doing
        self.path = path
        self.code = code
    }

    package var description: String { "\(doing) \(path): \(String(cString: strerror(code)))" }
}

/// `close` of the C library; nothing can be done about its failure.
func closeFile(_ descriptor: Int32) { _ = close(descriptor) }

/// The whole file from its beginning.
///
/// - Throws: `FileFailure`, also if there are more than `limit` (EFBIG): a file may grow while it is read.
func readFile(_ descriptor: Int32, _ path: String, atMost limit: Int = .max) throws(FileFailure) -> [UInt8] {
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = pread(descriptor, &chunk, chunk.count, off_t(content.count))
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw FileFailure("reading", path) }
        guard count > 0 else { return content }
        content += chunk[..<count]
        guard content.count <= limit else {
            errno = EFBIG
            throw FileFailure("reading", path)
        }
    }
}

/// All of the bytes at that offset.
func writeFile(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int, _ path: String) throws(FileFailure) {
    var done = 0
    while done < bytes.count {
        let count = bytes[done...].withUnsafeBytes {
            pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset + done))
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw FileFailure("writing", path) }
        done += count
    }
}
