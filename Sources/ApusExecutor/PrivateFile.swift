package import ApusModel
import Yams

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file of settings that only the machine's administrator may have written, in YAML or JSON.
package enum PrivateFile {
    private static let largest = 1 << 20

    /// Who may have written it, and who may read it.
    package enum Protection: Sendable {
        /// Nobody but its owner writes it.
        case ownersToWrite
        /// It holds secrets: nobody but its owner reads it either.
        case ownersToRead
    }

    /// What it says; `nil` if there is no such file.
    ///
    /// It must be a plain file of root or of the user that runs Apus, and so must be the folder that it is in; blocks.
    ///
    /// - Throws: `ExecutorError` with what is wrong and what to do.
    package static func read(_ path: String, _ protection: Protection) throws(ExecutorError) -> JSON? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw ExecutorError("\(path) cannot be opened: \(reason(errno))") }
        defer { closeFile(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw ExecutorError("\(path) cannot be read: \(reason(errno))") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw ExecutorError("\(path) must be a plain file") }
        try check(status, path, forbidding: protection == .ownersToRead ? 0o077 : 0o022)
        try checkFolder(of: path)
        let bytes: [UInt8]
        do {
            bytes = try readFile(descriptor, path, atMost: largest)
        } catch {
            throw ExecutorError("\(error)")
        }
        return try parse(bytes, path, protection)
    }

    private static func check(_ status: stat, _ path: String, forbidding bits: mode_t) throws(ExecutorError) {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw ExecutorError(
                "\(path) belongs to user \(status.st_uid); it must be root's, or that of whoever runs Apus"
            )
        }
        guard status.st_mode & bits == 0 else {
            let what = bits == 0o077 ? "read or write" : "write"
            throw ExecutorError(
                "others than its owner may \(what) \(path): chmod \(bits == 0o077 ? "600" : "go-w") \(path)"
            )
        }
    }

    /// Whoever may write there may put another file in its place.
    private static func checkFolder(of path: String) throws(ExecutorError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        var status = stat()
        guard stat(folder, &status) == 0 else { throw ExecutorError("\(folder) cannot be read: \(reason(errno))") }
        // In a sticky one only a file's owner replaces it.
        guard status.st_mode & S_ISVTX == 0 else { return }
        try check(status, folder, forbidding: 0o022)
    }

    private static func parse(_ bytes: [UInt8], _ path: String, _ protection: Protection) throws(ExecutorError) -> JSON
    {
        do {
            guard let node = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)) else { return .object([]) }
            return try JSON(yaml: node)
        } catch {
            // What the parser shows of the place may be a password.
            guard protection != .ownersToRead else { throw ExecutorError("\(path) is neither YAML nor JSON") }
            throw ExecutorError("\(path) is neither YAML nor JSON: \(error)")
        }
    }

    private static func reason(_ code: Int32) -> String {
        code == ELOOP ? "it is a symbolic link" : String(cString: strerror(code))
    }
}

extension JSON {
    /// The same in JSON; an alias is what it stands for.
    fileprivate init(yaml node: Node) throws(JSONError) {
        switch node {
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                guard let name = key.string else { throw JSONError("a key must be a string") }
                members.append(Member(name, try JSON(yaml: value)))
            }
            self = .object(members)
        case .sequence(let sequence):
            var elements: [JSON] = []
            for element in sequence { elements.append(try JSON(yaml: element)) }
            self = .array(elements)
        case .scalar(let scalar):
            // What is quoted is a string whatever it looks like.
            guard scalar.style == .plain || scalar.style == .any else {
                self = .string(scalar.string)
                return
            }
            if let flag = Bool.construct(from: scalar) {
                self = .bool(flag)
            } else if let number = Int64(scalar.string) {
                self = .integer(number)
            } else if ["", "~", "null"].contains(scalar.string) {
                self = .null
            } else {
                self = .string(scalar.string)
            }
        case .alias(let alias): throw JSONError("alias \(alias.anchor) is not known")
        }
    }
}
