package import ApusModel
import NIOHTTP1
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension DockerEngine {
    /// What a container has written, in pieces as they come: `ContainerLogFrames` reads them.
    ///
    /// Returns at the end of what there is; with `following` it waits for more until the container has stopped. With
    /// `since`, in nanoseconds of 1970, only what was written then or later is told. `each` may take its time: the
    /// engine is held back meanwhile. Throws `notFound` if the container is gone.
    package func logs(
        of id: ContainerID,
        since: Int64?,
        following: Bool,
        each: ([UInt8]) async -> Void
    ) async throws {
        let doing = "reading the output of container \(id)"
        let body = try await connection.stream(
            try await versioned("/containers/\(Self.part(id))/logs"),
            query: [
                "stdout": "1", "stderr": "1", "timestamps": "1", "follow": following ? "1" : "0",
                "since": Self.seconds(nanoseconds: since ?? 0),
            ],
            beginningWithin: callTimeout,
            doing: doing
        )
        do {
            for try await chunk in body { await each(Array(chunk.readableBytesView)) }
            // A cancelled body just ends; the caller must be able to tell that from the engine's end.
            try Task.checkCancellation()
        } catch {
            throw EngineConnection.error(for: error, doing: doing)
        }
    }

    /// Where the engine, on its own machine, keeps a container's log as lines of JSON; `nil` if it keeps it otherwise.
    ///
    /// Throws `notFound` if the container is gone.
    package func logFile(of id: ContainerID) async throws -> String? {
        let doing = "looking at the log of container \(id)"
        let answer = try await call(.GET, "/containers/\(Self.part(id))/json", accepting: [200], doing: doing)
        return try answer.decoded(doing: doing) { json throws(JSONError) in
            guard json["HostConfig"]?["LogConfig"]?["Type"]?.text == "json-file" else { return nil }
            guard let path = json["LogPath"]?.text, !path.isEmpty else { return nil }
            return path
        }
    }

    /// Seconds with a fraction of nine digits, as the engine reads `since`.
    private static func seconds(nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds % 1_000_000_000 + 1_000_000_000).dropFirst()
        return "\(nanoseconds / 1_000_000_000).\(fraction)"
    }
}

/// One entry of a container's log as the engine keeps it: a line, or a piece of a line of more than 16 KiB.
package struct ContainerLogEntry: Hashable, Sendable {
    package enum Stream: Hashable, Sendable {
        case out, err
    }
    /// How long a time is, `2026-11-21T10:42:37.123456789Z`: always as long, so that texts compare as times.
    package static let timeLength = 30

    package var stream: Stream
    /// The time, a space, the text, and a line feed unless more of the line follows.
    package var bytes: [UInt8]

    package init(stream: Stream, bytes: [UInt8]) {
        self.stream = stream
        self.bytes = bytes
    }

    package var time: ArraySlice<UInt8> { bytes[..<Self.timeLength] }
    /// Without the line feed.
    package var text: ArraySlice<UInt8> { bytes[(Self.timeLength + 1)...].dropLast(endsLine ? 1 : 0) }
    package var endsLine: Bool { bytes.last == UInt8(ascii: "\n") }

    /// Whether the bytes begin with a time and a space.
    package static func beginsWithTime(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let head = Array(bytes.prefix(timeLength + 1))
        return head.count == timeLength + 1 && head[10] == UInt8(ascii: "T") && head[19] == UInt8(ascii: ".")
            && head[29] == UInt8(ascii: "Z") && head[30] == UInt8(ascii: " ")
    }

    /// Nanoseconds of 1970; `nil` if that is no time, or one before 1970 or after 2262, which do not fit.
    package static func nanoseconds(_ time: some Collection<UInt8>) -> Int64? {
        let text = String(decoding: time, as: UTF8.self)
        guard text.utf8.count == timeLength, let wall = WallTime(rfc3339: text), wall.milliseconds >= 0,
            let fraction = Int64(text.dropLast().suffix(9)), fraction >= 0
        else { return nil }
        let (whole, isTooLate) = (wall.milliseconds / 1_000).multipliedReportingOverflow(by: 1_000_000_000)
        let (nanoseconds, isBeyond) = whole.addingReportingOverflow(fraction)
        return isTooLate || isBeyond ? nil : nanoseconds
    }
}

/// Takes the engine's stream apart: frames of an 8-byte head (stream, length) and an entry.
package struct ContainerLogFrames: Sendable {
    private static let headLength = 8
    /// An entry is at most 16 KiB and its time.
    private static let longestEntry = 1 << 20

    private let doing: String
    private var unread: [UInt8] = []

    package init(of container: ContainerID) { doing = "reading the output of container \(container)" }

    /// The entries that are whole now.
    package mutating func take(_ bytes: [UInt8]) throws(ContainerError) -> [ContainerLogEntry] {
        unread += bytes
        var entries: [ContainerLogEntry] = []
        var position = 0
        while unread.count - position >= Self.headLength {
            let length = unread[(position + 4)..<(position + 8)].reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.longestEntry else { throw unreadable("an entry of \(length) bytes") }
            let start = position + Self.headLength
            guard unread.count - start >= length else { break }
            entries.append(try entry(kind: unread[position], Array(unread[start..<(start + length)])))
            position = start + length
        }
        unread.removeFirst(position)
        return entries
    }

    private func entry(kind: UInt8, _ bytes: [UInt8]) throws(ContainerError) -> ContainerLogEntry {
        switch kind {
        case 0, 1, 2:
            guard ContainerLogEntry.beginsWithTime(bytes) else { throw unreadable("an entry without its time") }
            return ContainerLogEntry(stream: kind == 2 ? .err : .out, bytes: bytes)
        // The engine's own trouble, told in the stream because the answer has begun.
        case 3: throw ContainerError(.unreachable, doing: doing, message: String(decoding: bytes, as: UTF8.self))
        default: throw unreadable("a stream of kind \(kind)")
        }
    }

    private func unreadable(_ what: String) -> ContainerError {
        ContainerError(.unreadable, doing: doing, message: "the engine's stream cannot be read: \(what)")
    }
}
