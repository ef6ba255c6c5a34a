import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The input that is being read, in a file that outlives the process.
final class LastInput: Sendable {
    private let descriptor: Int32

    /// - Throws: `CorpusError` if the file cannot be written.
    init(_ path: String) throws(CorpusError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CorpusError(description: "\(path) cannot be written (errno \(errno))") }
    }

    deinit { _ = close(descriptor) }

    /// Keeps it in place of the one before: a line that says where it is from, and the input.
    func keep(_ input: [UInt8], of target: String, _ seed: UInt64, _ number: Int) {
        let content = Array("\(target) \(seed) \(number)\n".utf8) + input
        let isKept =
            pwrite(descriptor, content, content.count, 0) == content.count
            && ftruncate(descriptor, off_t(content.count)) == 0
        precondition(isKept, "the input cannot be kept (errno \(errno))")
    }

    /// The target and the input that such a file holds.
    ///
    /// - Throws: `CorpusError` if it is none.
    static func read(_ path: String) throws(CorpusError) -> (target: String, input: [UInt8]) {
        guard let file = fopen(path, "r") else { throw CorpusError(description: "\(path) cannot be opened") }
        defer { _ = fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let content = bytes.prefix(fread(&bytes, 1, bytes.count, file))
        guard let end = content.firstIndex(of: UInt8(ascii: "\n")),
            let target = content[..<end].split(separator: UInt8(ascii: " ")).first
        else { throw CorpusError(description: "\(path) holds no input") }
        return (String(decoding: target, as: UTF8.self), Array(content[(end + 1)...]))
    }
}
