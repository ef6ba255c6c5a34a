#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A log file that stays the same one while it is renamed or compressed, up to the length it had when it was opened.
final class OpenLogFile: Sendable {
    /// Of its text.
    let length: Int
    private let descriptor: Int32
    private let path: String
    /// Where the members of a compressed file begin, and where the last ends; `nil` of one that is not.
    private let members: [Int]?

    /// `nil` if there is no such file in the folder, compressed or not.
    init?(_ name: String, in folder: LogFolder) throws(FileFailure) {
        for (name, isCompressed) in [(name, false), (LogFileName.compressed(name), true)] {
            guard let descriptor = try folder.open(name) else { continue }
            let path = folder.path(of: name)
            do throws(FileFailure) {
                let length = try LogScan.length(descriptor, path)
                if isCompressed {
                    let members = try Self.members(descriptor, length, path)
                    self.members = members
                    self.length = try Self.length(of: members, descriptor, path)
                } else {
                    members = nil
                    self.length = length
                }
            } catch {
                closeFile(descriptor)
                throw error
            }
            self.descriptor = descriptor
            self.path = path
            return
        }
        return nil
    }

    deinit { closeFile(descriptor) }

    /// Those bytes of its text, as far as there are any.
    func bytes(in range: Range<Int>) throws(FileFailure) -> [UInt8] {
        let range = range.clamped(to: 0..<length)
        guard let members else { return try LogScan.read(descriptor, range, path) }
        var bytes: [UInt8] = []
        var offset = range.lowerBound
        while offset < range.upperBound {
            let number = offset / LogGzip.block
            let text = try text(ofMember: members[number]..<members[number + 1])
            let start = offset - number * LogGzip.block
            guard start < text.count else { throw Self.damaged(path) }
            let part = text[start..<min(text.count, start + range.upperBound - offset)]
            bytes += part
            offset += part.count
        }
        return bytes
    }

    private func text(ofMember range: Range<Int>) throws(FileFailure) -> [UInt8] {
        guard let text = LogGzip.text(ofMember: try LogScan.read(descriptor, range, path)) else {
            throw Self.damaged(path)
        }
        return text
    }

    /// Each header tells where the next one is: a thousand of them are read in a few milliseconds.
    private static func members(_ descriptor: Int32, _ length: Int, _ path: String) throws(FileFailure) -> [Int] {
        var members = [0]
        var end = 0
        while end < length {
            let header = try LogScan.read(descriptor, end..<(end + LogGzip.headerLength), path)
            guard let member = LogGzip.length(ofMember: header), end + member <= length else { throw damaged(path) }
            end += member
            members.append(end)
        }
        return members
    }

    private static func length(
        of members: [Int],
        _ descriptor: Int32,
        _ path: String
    ) throws(FileFailure) -> Int {
        guard let end = members.last, members.count > 1 else { return 0 }
        let last = LogGzip.length(ofText: try LogScan.read(descriptor, (end - LogGzip.trailerLength)..<end, path))
        guard (1...LogGzip.block).contains(last) else { throw damaged(path) }
        return (members.count - 2) * LogGzip.block + last
    }

    /// Of what is not, or no longer, what `LogGzip` writes.
    private static func damaged(_ path: String) -> FileFailure {
        FileFailure("uncompressing", path, code: FileFailure.damaged)
    }
}

extension FileFailure {
    static let damaged = EBADMSG
}
