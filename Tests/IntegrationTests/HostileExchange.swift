import NIOCore
import NIOPosix

/// Raw bytes to a port, and what comes back.
enum HostileExchange {
    enum Outcome: Hashable, Sendable {
        /// The status of every answer, whole or begun.
        case answered([Int])
        /// Closed without a word.
        case closed
        /// Bytes came that are no HTTP answer.
        case garbled(String)
        /// Nothing came, and the connection stayed open until the deadline.
        case silent
    }

    /// A connection on which something was sent, and its first outcome.
    struct Connection: Sendable {
        var channel: any Channel
        var outcome: EventLoopFuture<Outcome>
    }

    /// Connects and sends; the outcome is there within the limit.
    ///
    /// - Throws: an `IOError` if nobody listens.
    static func begin(_ bytes: [UInt8], port: Int, within limit: TimeAmount) async throws -> Connection {
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.next().makePromise(of: Outcome.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerReader(promise: promise))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        } catch {
            promise.fail(error)
            throw error
        }
        channel.eventLoop.scheduleTask(in: limit) { channel.pipeline.fireUserInboundEventTriggered(TimeIsUp()) }
        // A server may answer and close before it has read all: that shows in what was read, not here.
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        return Connection(channel: channel, outcome: promise.futureResult)
    }

    static func send(_ bytes: [UInt8], port: Int, within limit: TimeAmount) async throws -> Outcome {
        let connection = try await begin(bytes, port: port, within: limit)
        let outcome = try await connection.outcome.get()
        connection.channel.close(promise: nil)
        return outcome
    }

    /// The statuses of the answers, and whether the last of them is whole.
    static func answers(in bytes: [UInt8]) -> (statuses: [Int], isWhole: Bool)? {
        var statuses: [Int] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let end = rest.firstRange(of: [13, 10, 13, 10]) else { return (statuses, false) }
            let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self).lowercased()
            rest = rest[end.upperBound...]
            let lines = head.split(whereSeparator: \.isNewline)
            guard let first = lines.first, first.hasPrefix("http/1."),
                let status = first.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
            else { return nil }
            statuses.append(status)
            if status < 200 || status == 204 { continue }
            let length = lines.first { $0.hasPrefix("content-length:") }?.split(separator: ":").last
            // Without a length the body lasts until the connection ends.
            guard let count = length.flatMap({ Int($0.filter(\.isNumber)) }), count <= rest.count else {
                return (statuses, false)
            }
            rest = rest.dropFirst(count)
        }
        return (statuses, true)
    }

    private struct TimeIsUp: Sendable {}

    private final class AnswerReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var received: [UInt8] = []
        private let promise: EventLoopPromise<Outcome>

        init(promise: EventLoopPromise<Outcome>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += unwrapInboundIn(data).readableBytesView
            guard let answers = answers(in: received), answers.isWhole else { return }
            if answers.statuses.contains(where: { $0 >= 200 }) { end(.answered(answers.statuses)) }
        }

        func channelInactive(context: ChannelHandlerContext) { end(received.isEmpty ? .closed : verdict) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is TimeIsUp { end(received.isEmpty ? .silent : verdict) }
        }

        private var verdict: Outcome {
            guard let (statuses, _) = answers(in: received), !statuses.isEmpty else {
                return .garbled(String(decoding: received.prefix(100), as: UTF8.self))
            }
            return .answered(statuses)
        }

        private func end(_ outcome: Outcome) { promise.succeed(outcome) }
    }
}
