import ApusModel
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// A connection on which the head of each request must arrive whole in time, and the rest of a body that was answered
/// before it came: who sends a byte a minute is cut off.
struct PunctualChannel: HTTPChannelHandler {
    typealias Value = HTTP1Channel.Value

    /// With `RequestHeads` among its handlers.
    let base: HTTP1Channel
    /// From the head's first byte on; and of the rest of a body from its answer on.
    let headArrival: Duration

    var responder: HTTPChannelHandler.Responder { base.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(HeadDeadline(headArrival))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// How far a request has come; told to who sees a connection's bytes by who sees its requests.
private enum RequestProgress {
    case headArrived, bodyArrived, answered
}

/// Sees the bytes of a connection before they are taken for HTTP.
private final class HeadDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Reading {
        /// The next byte begins a head.
        case nothing
        case head(Scheduled<Void>)
        case body
        /// Of a request that is answered: nobody wants it, and it may go on for ever.
        case rest(Scheduled<Void>)
    }

    private let limit: Duration
    private var reading = Reading.nothing
    /// Requests whose answers are not whole.
    private var unanswered = 0

    init(_ limit: Duration) { self.limit = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .nothing = reading { begin(context) }
        context.fireChannelRead(data)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let progress = event as? RequestProgress else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        switch progress {
        case .headArrived:
            stop()
            reading = .body
            unanswered += 1
        case .bodyArrived:
            stop()
            reading = .nothing
        case .answered:
            // What is no HTTP is answered without having been a request.
            unanswered = max(0, unanswered - 1)
            if unanswered == 0, case .body = reading { reading = .rest(closing(context)) }
        }
        promise?.succeed()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    private func begin(_ context: ChannelHandlerContext) {
        reading = .head(context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.end(context) })
    }

    /// At once the answer could be lost: what comes after the end of a connection makes its client drop what it has not
    /// read yet.
    private func closing(_ context: ChannelHandlerContext) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }

    private var time: TimeAmount { .nanoseconds(limit.nanoseconds) }

    private func stop() {
        switch reading {
        case .head(let late), .rest(let late): late.cancel()
        case .nothing, .body: break
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        // What is said now would stand amid the answer to the request before.
        guard unanswered == 0 else { return begin(context) }
        let text: JSON = .members([
            "status": "FAILED", "message": .string("The head of the request did not arrive within \(limit)"),
        ])
        let answer = """
            HTTP/1.1 408 Request Timeout\r
            Connection: close\r
            Content-Type: application/json\r
            Content-Length: \(text.bytes.count)\r
            \r
            \(text.serialized)
            """
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        context.close(promise: nil)
    }
}

/// Tells how far requests have come, and says what is wrong with what is none.
final class RequestHeads: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Why the connection cannot go on, once it cannot.
    private var fault: HTTPParserError?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: context.triggerUserOutboundEvent(RequestProgress.headArrived, promise: nil)
        case .end: context.triggerUserOutboundEvent(RequestProgress.bodyArrived, promise: nil)
        case .body: break
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError { fault = error }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            guard let fault, Self.saysNothing(head) else { break }
            return refuse(fault, context, promise)
        case .end: context.triggerUserOutboundEvent(RequestProgress.answered, promise: nil)
        case .body: break
        }
        context.write(data, promise: promise)
    }

    /// The server's own answer to what is no request: 400 and no word.
    private static func saysNothing(_ head: HTTPResponse) -> Bool {
        head.status == .badRequest && head.headerFields[.contentLength] == "0"
    }

    private func refuse(
        _ fault: HTTPParserError,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>?
    ) {
        let isTooLarge = fault == .headerOverflow
        let text: JSON = .members([
            "status": "FAILED",
            "message": isTooLarge
                ? "The head of the request is too large" : "The request is not what HTTP/1.1 allows",
        ])
        let body = ByteBuffer(bytes: text.bytes)
        let head = HTTPResponse(
            status: isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest,
            headerFields: [
                .connection: "close", .contentType: "application/json", .contentLength: "\(body.readableBytes)",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
    }
}
