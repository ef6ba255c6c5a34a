import NIOCore
import NIOHTTP1
import NIOPosix

/// The ports of a container, on which any request is answered 200.
enum PublishedPorts {
    /// - Throws: if one of them is taken; the others are free again then.
    static func listen(_ ports: [FakeContainer.Port], answering page: String) async throws -> [any Channel] {
        var listeners: [any Channel] = []
        do {
            for port in ports where port.key.hasSuffix("/tcp") {
                let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    // As every Go program does.
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .childChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                            try channel.pipeline.syncOperations.addHandler(PageHandler(page: page))
                        }
                    }
                listeners.append(try await bootstrap.bind(host: port.address, port: port.port).get())
            }
        } catch {
            try await close(listeners)
            throw error
        }
        return listeners
    }

    static func close(_ listeners: [any Channel]) async throws {
        for listener in listeners { try await listener.close().get() }
    }
}

/// Answers each request with the same page.
private final class PageHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let page: String

    init(page: String) { self.page = page }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let head = HTTPResponseHead(
            version: .http1_1,
            status: .ok,
            headers: ["Content-Type": "text/plain", "Content-Length": "\(page.utf8.count)"]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: page)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
