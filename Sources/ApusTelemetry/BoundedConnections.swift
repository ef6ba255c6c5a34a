import ApusModel
package import HummingbirdCore
import NIOCore
import NIOHTTPTypes

extension HTTP1Channel.Configuration {
    /// As long as nobody takes any of an answer that is ready.
    private static let longestStall = Duration.seconds(60)

    /// For servers that outlive their clients' mistakes: who sends nothing for `idle`, or takes nothing of an answer for
    /// a minute, is cut off, and what the answer held is free again.
    package static func bounded(idle: Duration, stall: Duration? = nil) -> Self {
        let stall = TimeAmount.nanoseconds((stall ?? longestStall).nanoseconds)
        return Self(additionalChannelHandlers: [StalledWrites(stall)], idleTimeout: .nanoseconds(idle.nanoseconds))
    }
}

/// Closes a connection whose answer waits to be taken while nothing of it is.
///
/// Now and then it looks how many bytes wait in the channel, which falls with every byte that the kernel takes, also in
/// the middle of one large write. That a write was finished counts too: others may have come in its place, so that no
/// fewer wait than before. Where nothing waits, nothing is stuck, however long the connection is quiet.
private final class StalledWrites: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// So often within the time that it allows it looks.
    private static let looks: Int64 = 4

    private let stall: TimeAmount
    private var next: Scheduled<Void>?
    /// Bytes, when it looked last.
    private var waiting = 0
    /// When something moved last, or began to wait.
    private var moved = NIODeadline.now()

    init(_ stall: TimeAmount) { self.stall = stall }

    func handlerAdded(context: ChannelHandlerContext) { lookLater(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        next?.cancel()
        next = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        written.futureResult.hop(to: context.eventLoop).assumeIsolated().whenComplete { _ in self.moved = .now() }
        context.write(data, promise: written)
    }

    private func lookLater(_ context: ChannelHandlerContext) {
        let pause = TimeAmount.nanoseconds(stall.nanoseconds / Self.looks)
        next = context.eventLoop.assumeIsolated().scheduleTask(in: pause) { self.look(context) }
    }

    private func look(_ context: ChannelHandlerContext) {
        let pending: Int
        do {
            pending = try context.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
        } catch {
            // Only a channel that is closed does not tell.
            return
        }
        if waiting == 0 || pending < waiting { moved = .now() }
        waiting = pending
        guard NIODeadline.now() - moved < stall else {
            context.close(promise: nil)
            return
        }
        lookLater(context)
    }
}
