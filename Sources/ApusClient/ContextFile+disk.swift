#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension ContextFile {
    /// Reads the file; one that is not there holds no contexts.
    ///
    /// - Throws: `ContextFault` with what is wrong with it.
    package init(at path: String) throws(ContextFault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else {
                throw ContextFault("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            try self.init(parsing: "")
            return
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count >= 0 else {
                throw ContextFault("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            guard count > 0 else { break }
            bytes += piece[..<count]
            guard bytes.count <= Self.largestBytes else {
                throw ContextFault("\(path) is too large to be a file of contexts")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ContextFault("\(path) is no text in UTF-8")
        }
        do throws(ContextFault) {
            try self.init(parsing: text)
        } catch {
            throw ContextFault("\(path), \(error)")
        }
    }

    /// Puts it in the place of what is there, whole or not at all; a new file is its owner's alone, for it holds
    /// passwords.
    ///
    /// - Throws: `ContextFault` if it cannot be written.
    package func save(to path: String) throws(ContextFault) {
        // A link stays one.
        let resolved = realpath(path, nil)
        defer { free(resolved) }
        let place = resolved.map { String(cString: $0) } ?? path
        let temporary = "\(place).apus-\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(temporary) }
        var isDone = false
        defer {
            close(descriptor)
            if !isDone { unlink(temporary) }
        }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Self.failure(temporary) }
            rest = rest.dropFirst(count)
        }
        guard fchmod(descriptor, Self.mode(of: place)) == 0, fsync(descriptor) == 0, rename(temporary, place) == 0
        else {
            throw Self.failure(place)
        }
        isDone = true
    }

    /// Who may read it, as it is now.
    private static func mode(of path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o600
    }

    private static func failure(_ path: String) -> ContextFault {
        ContextFault("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
