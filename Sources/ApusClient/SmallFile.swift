#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file that is read whole, after a look at who may have written it and who may read it.
package struct SmallFile: Sendable {
    /// Of any of them, in bytes.
    private static let largest = 1 << 20

    /// What is asked of it.
    package enum Protection: Sendable {
        /// Nothing: whoever names it answers for it.
        case anyones
        /// Nobody but its owner writes it, who is root or the user that runs Apus; the same of the folder that it is in.
        case ownersToWrite
        /// It holds secrets: nobody but its owner reads it either.
        case ownersToRead
    }

    /// Why a file cannot be used and what to do, for people; never what it holds.
    package struct Trouble: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String

        package init(_ description: String) { self.description = description }
    }

    package let path: String
    package let bytes: [UInt8]
    /// Others than its owner may read it.
    package let isReadByOthers: Bool

    /// Reads it; `nil` if there is no such file; blocks.
    ///
    /// One that `followsLinks` may be named by a symbolic link: what is looked at is what it leads to. A file that is
    /// protected must be a plain one.
    ///
    /// - Throws: `Trouble`.
    package init?(at path: String, _ protection: Protection, followsLinks: Bool = false) throws(Trouble) {
        // One that is anyone's may be a pipe of the shell.
        let flags = protection == .anyones ? 0 : O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | flags)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw Trouble("\(path) cannot be opened: \(Self.reason(errno))") }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Trouble("\(path) cannot be read: \(Self.reason(errno))") }
        if protection != .anyones {
            guard status.st_mode & S_IFMT == S_IFREG else { throw Trouble("\(path) must be a plain file") }
            try Self.check(status, path, forbidding: protection == .ownersToRead ? 0o077 : 0o022)
            try Self.checkFolder(of: path)
        }
        self.path = path
        bytes = try Self.content(of: descriptor, path)
        isReadByOthers = status.st_mode & 0o044 != 0
    }

    /// Whether others than its owner may read what that descriptor is of; not of pipes and the like.
    package static func isReadByOthers(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o044 != 0
    }

    /// As `init`; a file that is not there is a trouble too.
    package static func existing(
        _ path: String,
        _ protection: Protection,
        followsLinks: Bool = false
    ) throws(Trouble) -> SmallFile {
        guard let file = try SmallFile(at: path, protection, followsLinks: followsLinks) else {
            throw Trouble("\(path) cannot be opened: there is no such file")
        }
        return file
    }

    private static func check(_ status: stat, _ path: String, forbidding bits: mode_t) throws(Trouble) {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw Trouble("\(path) belongs to user \(status.st_uid); it must be root's, or that of whoever runs Apus")
        }
        guard status.st_mode & bits == 0 else {
            let what = bits == 0o077 ? "read or write" : "write"
            throw Trouble("others than its owner may \(what) \(path): chmod \(bits == 0o077 ? "600" : "go-w") \(path)")
        }
    }

    /// Whoever may write there may put another file in its place.
    private static func checkFolder(of path: String) throws(Trouble) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        var status = stat()
        guard stat(folder, &status) == 0 else { throw Trouble("\(folder) cannot be read: \(reason(errno))") }
        // In a sticky one only a file's owner replaces it.
        guard status.st_mode & S_ISVTX == 0 else { return }
        try check(status, folder, forbidding: 0o022)
    }

    private static func content(of descriptor: Int32, _ path: String) throws(Trouble) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Trouble("\(path) cannot be read: \(reason(errno))") }
            guard count > 0 else { return content }
            content += chunk[..<count]
            guard content.count <= largest else { throw Trouble("\(path) is longer than \(largest) bytes") }
        }
    }

    private static func reason(_ code: Int32) -> String {
        code == ELOOP ? "it is a symbolic link" : String(cString: strerror(code))
    }
}
