#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where an export goes: standard output, or a file that is there whole or not at all, for its owner alone.
struct ExportOutput {
    private enum Target {
        case standardOutput
        /// Written under another name in the same folder.
        case file(descriptor: Int32, unfinished: String)
    }

    private let path: String
    private let target: Target

    /// - Throws: `CommandFailure` if there is such a file that is not to be replaced, or none can be made.
    init(_ path: String, replacing: Bool) throws {
        self.path = path
        guard path != "-" else {
            target = .standardOutput
            return
        }
        guard replacing || access(path, F_OK) != 0 else {
            throw CommandFailure(.conflict, "\(path) is there already: give another name, or --force to write over it")
        }
        // Never into a file that is there: another export may be writing it, or somebody else have it open to read.
        let unfinished = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36)).unfinished"
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("created", unfinished) }
        target = .file(descriptor: descriptor, unfinished: unfinished)
    }

    func write(_ bytes: [UInt8]) async throws {
        switch target {
        case .standardOutput: try await StandardStreams.write(bytes, isError: false)
        case .file(let descriptor, let unfinished):
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Self.failure("written", unfinished) }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// All is written: gives the file its name, and returns when it is on the disk.
    func keep() throws {
        guard case .file(let descriptor, let unfinished) = target else { return }
        guard fsync(descriptor) == 0 else { throw Self.failure("written to the disk", unfinished) }
        guard rename(unfinished, path) == 0 else { throw Self.failure("made", path) }
        let slash = path.lastIndex(of: "/")
        let folder = open(slash.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { _ = close(folder) }
        guard folder >= 0, fsync(folder) == 0 else { throw Self.failure("written to the disk for good", path) }
        _ = close(descriptor)
    }

    /// Leaves nothing.
    func discard() {
        guard case .file(let descriptor, let unfinished) = target else { return }
        _ = close(descriptor)
        _ = unlink(unfinished)
    }

    private static func failure(_ doing: String, _ path: String) -> CommandFailure {
        CommandFailure(.other, "\(path) cannot be \(doing): \(String(cString: strerror(errno)))")
    }
}

/// `write` of the C library, which our own method would hide.
private func system_write(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
