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
        Self(
            additionalChannelHandlers: [
                IdleStateHandler(writeTimeout: .nanoseconds((stall ?? longestStall).nanoseconds)), StalledWrites(),
            ],
            idleTimeout: .nanoseconds(idle.nanoseconds)
        )
    }
}

/// Closes a connection on which nothing could be written for a while.
private final class StalledWrites: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let idle = event as? IdleStateHandler.IdleStateEvent, idle == .write {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
