import ApusExecutor
import ApusModel
import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Specifications that a user names: a file in JSON or YAML, or standard input.
struct SpecificationFile {
    /// The longest that is read.
    static let mostBytes = 1 << 20

    static var completion: CompletionKind { .file(extensions: ["json", "yaml", "yml"]) }

    /// `-` stands for standard input.
    let path: String

    /// For texts.
    var name: String { path == "-" ? "standard input" : path }

    /// The only specification in it.
    ///
    /// - Throws: `CommandFailure` that says what is wrong with it.
    func json() throws -> JSON {
        let documents = try documents().filter { $0 != .null }
        guard documents.count == 1, let only = documents.first else {
            throw CommandFailure(
                .other,
                documents.isEmpty
                    ? "\(name) holds nothing"
                    : "\(name) holds \(documents.count) documents, and one is wanted here: apus apply takes them all"
            )
        }
        return only
    }

    /// All that it holds: one document of JSON, or those of YAML, with `---` between them; an empty one is `null`.
    ///
    /// - Throws: `CommandFailure` that says what is wrong with it.
    func documents() throws -> [JSON] {
        let bytes = try content()
        guard isYAML(bytes) else {
            do {
                return [try JSON(parsing: bytes)]
            } catch {
                throw CommandFailure(.other, "\(name) is not JSON: \(error)")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.other, "\(name) is no text in UTF-8")
        }
        do {
            return try JSON.documents(yaml: text)
        } catch {
            throw CommandFailure(.other, "\(name) is not YAML: \(error)")
        }
    }

    /// The specification that it holds.
    ///
    /// - Throws: `CommandFailure` with every fault of it.
    func valid<Spec: SpecPart>(_ json: JSON) throws -> Spec {
        switch Spec.validated(json) {
        case .success(let value): return value
        case .failure(let refusal):
            throw CommandFailure(
                .other,
                "\(name) is not a valid specification:\n  \(refusal.errors.joined(separator: "\n  "))"
            )
        }
    }

    /// By its name; what has no name for it is JSON if it begins so.
    private func isYAML(_ bytes: [UInt8]) -> Bool {
        if path.hasSuffix(".json") { return false }
        if path.hasSuffix(".yaml") || path.hasSuffix(".yml") { return true }
        let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return first.map { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "[") } ?? false
    }

    private func content() throws -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable }
            if count == 0 { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= Self.mostBytes else {
                throw CommandFailure(
                    .other,
                    "\(name) is larger than \(Self.mostBytes >> 20) MiB, the most that is read"
                )
            }
        }
    }

    private var unreadable: CommandFailure {
        CommandFailure(.other, "\(path) cannot be read. Does it exist, and may you read it?")
    }
}
