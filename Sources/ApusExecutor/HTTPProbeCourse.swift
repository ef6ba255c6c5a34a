import ApusModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One try of a check, from its connection to its end; all of it on one event loop, so that nothing waits for a thread.
final class HTTPProbeCourse: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let probe: HTTPProbe
    private let promise: EventLoopPromise<ProbeResult>
    private var channel: (any Channel)?
    private var isOver = false
    /// Known once the answer's code has come: it holds whatever becomes of the rest, the goodbye included.
    private var verdict: ProbeResult?
    private var status: HTTPResponseStatus?
    private var body: [UInt8] = []

    private init(_ probe: HTTPProbe, _ promise: EventLoopPromise<ProbeResult>) {
        self.probe = probe
        self.promise = promise
    }

    /// Makes the request, on the loop that calls this; `givenUp` ends it early.
    static func run(
        _ probe: HTTPProbe,
        encryptedBy encryption: NIOSSLContext?,
        on loop: any EventLoop,
        until givenUp: EventLoopFuture<Void>
    ) -> EventLoopFuture<ProbeResult> {
        let promise = loop.makePromise(of: ProbeResult.self)
        let bound = NIOLoopBound(HTTPProbeCourse(probe, promise), eventLoop: loop)
        let time = loop.scheduleTask(in: .nanoseconds(probe.timeout.nanoseconds)) { bound.value.end(probe.overdue) }
        givenUp.whenComplete { _ in bound.value.end(probe.overdue) }
        promise.futureResult.whenComplete { _ in time.cancel() }
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: probe.address, port: probe.port)
        } catch {
            bound.value.end(probe.failure(error))
            return promise.futureResult
        }
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(probe.connectLimit.nanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, encryption) }
            }
            .connect(to: address)
            .whenFailure { error in bound.value.end(probe.failure(error)) }
        return promise.futureResult
    }

    private func prepare(_ channel: any Channel, _ encryption: NIOSSLContext?) throws {
        self.channel = channel
        if let encryption {
            let handler = try NIOSSLClientHandler(context: encryption, serverHostname: probe.serverName)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        try channel.pipeline.syncOperations.addHandler(self)
        // Its time was up before it began.
        if isOver { channel.close(promise: nil) }
    }

    /// The first end counts; `result` is what it means where no answer has come.
    private func end(_ result: ProbeResult) {
        guard !isOver else { return }
        isOver = true
        promise.succeed(verdict ?? result)
        channel?.close(promise: nil)
    }

    // MARK: what the channel tells

    func channelActive(context: ChannelHandlerContext) {
        // Whoever answers and closes before it has read everything breaks the write: what came in tells.
        for part in probe.request { context.write(wrapOutboundOut(part), promise: nil) }
        context.flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 100 and its like come before the answer proper.
            guard head.status.code >= 200 else { return }
            if probe.check.successCodes.contains(Int(head.status.code)) { return end(.passed) }
            status = head.status
            verdict = probe.failure(head.status, body: [])
        case .body(let chunk):
            body.append(contentsOf: chunk.readableBytesView.prefix(HTTPProbe.shownBody - body.count))
            if body.count >= HTTPProbe.shownBody { judge() }
        case .end: judge()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        judge()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(probe.failure(error)) }

    private func judge() {
        if let status { verdict = probe.failure(status, body: body) }
        end(probe.unanswered)
    }
}
