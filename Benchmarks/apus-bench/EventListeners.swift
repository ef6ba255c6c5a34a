import ApusModel
import NIOCore
import NIOPosix
import Synchronization

/// Many connections that follow the stream of events, and how long the end of an instance took to each of them.
final class EventListeners: Sendable {
    private let channels: [any Channel]
    private let group: MultiThreadedEventLoopGroup
    let delays: Delays

    /// What they have heard.
    ///
    /// An event's own time does not serve: times rise strictly, so after many in a moment they are ahead of the clock.
    final class Delays: Sendable {
        private struct State {
            var events = 0
            var milliseconds: [Double] = []
        }
        private let ends: Fleet.Ends
        private let state = Mutex(State())

        init(_ ends: Fleet.Ends) { self.ends = ends }

        /// An event has come; of the end of that instance, if it is one's.
        func heard(endOf instance: String?) {
            let delay = instance.flatMap { ends[$0] }.map { (ContinuousClock.now - $0).inSeconds * 1_000 }
            state.withLock { state in
                state.events += 1
                if let delay { state.milliseconds.append(delay) }
            }
        }

        var events: Int { state.withLock { $0.events } }
        var milliseconds: [Double] { state.withLock { $0.milliseconds } }
    }

    /// Connects all.
    init(_ count: Int, port: Int, ends: Fleet.Ends) async throws {
        let (group, delays) = (MultiThreadedEventLoopGroup(numberOfThreads: 1), Delays(ends))
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

    /// How many are still connected.
    var connected: Int { channels.count(where: \.isActive) }

    func end() async throws {
        for channel in channels where channel.isActive { try await channel.close() }
        try await group.shutdownGracefully()
    }
}

/// Asks for the stream and finds the ends of instances in what comes.
private final class EventReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let data = Array("data:".utf8)
    private let delays: EventListeners.Delays
    private var line: [UInt8] = []

    init(_ delays: EventListeners.Delays) { self.delays = delays }

    func channelActive(context: ChannelHandlerContext) {
        let request =
            "GET /apis/v1/cluster/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView {
            if byte == UInt8(ascii: "\n") {
                if line.starts(with: Self.data) { delays.heard(endOf: Self.ended(in: line)) }
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
        }
    }

    private static func ended(in line: [UInt8]) -> String? {
        do {
            let metadata = try JSON(parsing: line.dropFirst(data.count))["metadata"]
            return metadata?["CURRENT_STATE"]?.text == "STOPPED" ? metadata?["INSTANCE_ID"]?.text : nil
        } catch {
            return nil
        }
    }
}
