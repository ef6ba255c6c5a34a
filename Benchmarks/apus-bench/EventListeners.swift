import ApusModel
import NIOCore
import NIOPosix
import Synchronization

/// Many connections that follow the stream of events, and how long each event took to each of them.
final class EventListeners: Sendable {
    private let channels: [any Channel]
    private let group: MultiThreadedEventLoopGroup
    private let delays: Delays

    /// Milliseconds from an event's time until a listener had it.
    final class Delays: Sendable {
        private let values = Mutex<[Double]>([])

        func add(_ delay: Double) { values.withLock { $0.append(delay) } }

        func taken() -> [Double] {
            values.withLock { values in
                defer { values = [] }
                return values
            }
        }
    }

    /// Connects all.
    init(_ count: Int, port: Int) async throws {
        let (group, delays) = (MultiThreadedEventLoopGroup(numberOfThreads: 1), Delays())
        (self.group, self.delays) = (group, delays)
        let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(EventReader(delays))
            }
        }
        var channels: [any Channel] = []
        for _ in 0..<count {
            channels.append(try await bootstrap.connect(host: "127.0.0.1", port: port).get())
        }
        self.channels = channels
    }

    /// Those since it was asked last.
    func taken() -> [Double] { delays.taken() }

    /// How many are still connected.
    var connected: Int { channels.count(where: \.isActive) }

    func end() async throws {
        for channel in channels where channel.isActive { try await channel.close() }
        try await group.shutdownGracefully()
    }
}

/// Asks for the stream and finds the time of each event in what comes.
private final class EventReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let mark = Array(#""time":"#.utf8)
    private let delays: EventListeners.Delays
    private var line: [UInt8] = []

    init(_ delays: EventListeners.Delays) { self.delays = delays }

    func channelActive(context: ChannelHandlerContext) {
        let request =
            "GET /apis/v1/cluster/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = WallTime.current.milliseconds
        for byte in unwrapInboundIn(data).readableBytesView {
            if byte == UInt8(ascii: "\n") {
                if let time = Self.time(in: line) { delays.add(Double(max(0, now - time))) }
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
        }
    }

    /// The number behind the last `"time":` of a line of data.
    private static func time(in line: [UInt8]) -> Int64? {
        guard line.starts(with: Array("data:".utf8)) else { return nil }
        var place = line.count - mark.count
        while place >= 0 {
            if line[place...].starts(with: mark) {
                let digits = line[(place + mark.count)...].prefix { (48...57).contains($0) }
                return Int64(String(decoding: digits, as: UTF8.self))
            }
            place -= 1
        }
        return nil
    }
}
