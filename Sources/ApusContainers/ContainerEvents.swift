package import ApusModel
import AsyncHTTPClient
import NIOCore

/// Something that happened to a container.
package struct ContainerEvent: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case started
        /// Its first process ended.
        case died(exitCode: Int64)
        /// A process in it was killed for want of memory; `died` follows if it was the first.
        case outOfMemory
        case destroyed
    }
    package var container: ContainerID
    package var kind: Kind
    package var labels: [String: String]
    package var time: WallTime

    /// Reads one line of the engine's; `nil` for an event of another kind.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init?(engineJSON json: JSON) throws(JSONError) {
        let actor = try json.required("Actor")
        let attributes = try actor.stringMap("Attributes")
        switch try json.string("Action") {
        case "start": kind = .started
        case "die": kind = .died(exitCode: attributes["exitCode"].flatMap { Int64($0) } ?? -1)
        case "oom": kind = .outOfMemory
        case "destroy": kind = .destroyed
        default: return nil
        }
        container = ContainerID(try actor.string("ID"))
        labels = attributes
        time = WallTime(milliseconds: try json.integer("timeNano") / 1_000_000)
    }
}

/// The events of one connection to the engine, from `DockerEngine.events`; iterate it once.
///
/// Nothing is buffered here: a slow consumer holds back the engine, which may then leave events out. The sequence ends
/// when the engine closes the connection and throws `ContainerError` when it breaks; either way events may have been
/// missed: list, and ask again with `since`.
package struct ContainerEvents: AsyncSequence {
    package typealias Element = ContainerEvent

    let body: HTTPClientResponse.Body
    let doing: String

    package func makeAsyncIterator() -> Iterator { Iterator(chunks: body.makeAsyncIterator(), doing: doing) }

    package struct Iterator: AsyncIteratorProtocol {
        var chunks: HTTPClientResponse.Body.AsyncIterator
        let doing: String
        private var unread = ByteBuffer()

        init(chunks: HTTPClientResponse.Body.AsyncIterator, doing: String) {
            self.chunks = chunks
            self.doing = doing
        }

        @concurrent
        package mutating func next() async throws -> ContainerEvent? {
            while true {
                while let line = takeLine() {
                    if let event = try decode(line) { return event }
                }
                guard unread.readableBytes < EngineConnection.longestLine else {
                    throw ContainerError(.unreadable, doing: doing, message: "an event is longer than 1 MiB")
                }
                guard let chunk = try await nextChunk() else { return nil }
                unread.discardReadBytes()
                unread.writeImmutableBuffer(chunk)
            }
        }

        @concurrent
        private mutating func nextChunk() async throws -> ByteBuffer? {
            do {
                let chunk = try await chunks.next()
                // A cancelled body just ends; the consumer must be able to tell that from the engine's end.
                if chunk == nil { try Task.checkCancellation() }
                return chunk
            } catch {
                throw EngineConnection.error(for: error, doing: doing)
            }
        }

        private mutating func takeLine() -> [UInt8]? {
            guard let end = unread.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = unread.readBytes(length: end - unread.readerIndex)
            unread.moveReaderIndex(forwardBy: 1)
            return line
        }

        private func decode(_ line: [UInt8]) throws(ContainerError) -> ContainerEvent? {
            do {
                return try ContainerEvent(engineJSON: try JSON(parsing: line))
            } catch {
                throw ContainerError(.unreadable, doing: doing, message: "an event cannot be read: \(error)")
            }
        }
    }
}

@available(*, unavailable)
extension ContainerEvents.Iterator: Sendable {}
