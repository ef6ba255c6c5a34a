import ApusModel
import NIOCore
import NIOPosix

extension EngineConnection {
    /// The longest head of an answer, and the longest refusal.
    private static let longestHead = 16 << 10
    /// A socket that exists is connected to at once.
    private static let connecting = TimeAmount.seconds(5)

    /// One call after which the connection is the caller's, for bytes both ways at once.
    ///
    /// `body` gets what came behind the engine's answer, the rest of what comes, and where to write; the connection is
    /// closed when it returns. Only the beginning is bounded.
    func hijack<Value: Sendable>(
        _ path: String,
        body: JSON,
        beginningWithin limit: Duration,
        doing: String,
        _ use: (
            _ first: [UInt8],
            _ rest: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
            NIOAsyncChannelOutboundWriter<ByteBuffer>
        ) async throws -> Value
    ) async throws -> Value {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(Self.connecting)
                .connect(unixDomainSocketPath: socketPath) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true)
                        )
                    }
                }
            return try await channel.executeThenClose { inbound, outbound in
                let late = channel.channel.eventLoop.scheduleTask(in: .nanoseconds(limit.nanoseconds)) {
                    channel.channel.close(promise: nil)
                }
                try await outbound.write(ByteBuffer(bytes: Self.head(path, body)))
                var rest = inbound.makeAsyncIterator()
                let first: [UInt8]
                do {
                    defer { late.cancel() }
                    first = try await Self.opened(&rest, doing)
                }
                return try await use(first, &rest, outbound)
            }
        } catch {
            throw Self.error(for: error, doing: doing)
        }
    }

    private static func head(_ path: String, _ body: JSON) -> [UInt8] {
        let bytes = body.bytes
        let head = """
            POST \(path) HTTP/1.1\r
            Host: docker\r
            Content-Type: application/json\r
            Content-Length: \(bytes.count)\r
            Connection: Upgrade\r
            Upgrade: tcp\r
            \r

            """
        return Array(head.utf8) + bytes
    }

    /// Reads the head of the answer.
    ///
    /// - Returns: what came behind it.
    private static func opened(
        _ chunks: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        _ doing: String
    ) async throws -> [UInt8] {
        var read: [UInt8] = []
        var answer = HijackAnswer()
        while true {
            guard let chunk = try await chunks.next(isolation: #isolation) else {
                throw ContainerError(.unreachable, doing: doing, message: "the engine closed the connection")
            }
            read += chunk.readableBytesView
            guard read.count <= longestHead || answer.isOpen(read) else {
                throw ContainerError(.unreadable, doing: doing, message: "the engine's answer is too long")
            }
            guard answer.isWhole(read) else { continue }
            guard answer.isOpen(read) else {
                throw ContainerError(answer: EngineAnswer(status: answer.status, body: answer.body(read)), doing: doing)
            }
            return answer.body(read)
        }
    }
}

/// The beginning of an answer, as far as it has come.
package struct HijackAnswer {
    /// Whoever says that a refusal is longer is not believed: nobody waits for so much of it.
    private static let longest = 1 << 30

    /// 0 until it is read.
    package private(set) var status = 0
    /// Where the head ends; 0 while it has not.
    private var end = 0
    private var length = 0

    package init() {}

    /// The engine takes bytes from here on.
    package mutating func isOpen(_ bytes: [UInt8]) -> Bool {
        readHead(bytes)
        return end > 0 && (status == 101 || status == 200)
    }

    /// Nothing more of it is to be waited for.
    package mutating func isWhole(_ bytes: [UInt8]) -> Bool {
        isOpen(bytes) || (end > 0 && bytes.count >= end + length)
    }

    /// What stands behind the head, which must be read.
    package func body(_ bytes: [UInt8]) -> [UInt8] { Array(bytes[end...]) }

    private mutating func readHead(_ bytes: [UInt8]) {
        let mark = Array("\r\n\r\n".utf8)
        guard end == 0, let found = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return }
        end = found + mark.count
        let lines = String(decoding: bytes[..<found], as: UTF8.self).split(separator: "\r\n")
        // HTTP/1.1 101 UPGRADED
        status = lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { continue }
            length = min(max(Int(parts[1].drop { $0 == " " }) ?? 0, 0), Self.longest)
        }
    }
}
