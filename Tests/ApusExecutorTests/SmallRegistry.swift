import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// An image registry on a port of this machine that has one image: one small file.
final class SmallRegistry: Sendable {
    private static let config = """
        {"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":\
        ["sha256:3e728ed54ac4b1a5e5315a2a60b598865c5e101db22f0fcf0f7f1a43f902a7a9"]}}
        """
    private static let configDigest = "sha256:9c04065944dc5c82e0097c2adf21bd9ef0d6394a4e3e9d64b89788777c89752e"
    private static let layer = """
        H4sIAAAAAAACA8tIzcnJZ6AtMAACMxMTMA0E6DRIFokNFDc0MDIyZ1AwYKADKC0uSSwCWk8NTyJ7boiADFD8czGMglEwCkbBKBhhAACCTmM5\
        AAgAAA==
        """
    private static let layerDigest = "sha256:4b68712fb11c09526f1b57cfcb9506d43f560cc2335a22a6bd5cd0c4764e2ac6"
    private static let manifestType = "application/vnd.docker.distribution.manifest.v2+json"

    private let channel: any Channel

    /// Listens when it is made.
    init() async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answering())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var image: String { "127.0.0.1:\(channel.localAddress?.port ?? 0)/small:1" }

    func stop() async throws { try await channel.close() }

    private static func answer(to path: String) -> (type: String, body: [UInt8])? {
        let layer = Data(base64Encoded: Self.layer).map(Array.init) ?? []
        let octets = "application/octet-stream"
        return switch path {
        case "/v2/": ("application/json", Array("{}".utf8))
        // By its tag, then by its digest.
        case _ where path.hasPrefix("/v2/small/manifests/"):
            (manifestType, Array(manifest(layerSize: layer.count).utf8))
        case "/v2/small/blobs/\(configDigest)": (octets, Array(config.utf8))
        case "/v2/small/blobs/\(layerDigest)": (octets, layer)
        default: nil
        }
    }

    private static func manifest(layerSize: Int) -> String {
        """
        {"schemaVersion":2,"mediaType":"\(manifestType)",\
        "config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":\(config.utf8.count),\
        "digest":"\(configDigest)"},\
        "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":\(layerSize),\
        "digest":"\(layerDigest)"}]}
        """
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private var request: HTTPRequestHead?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): request = head
            case .body: break
            case .end:
                let answer = SmallRegistry.answer(to: request?.uri ?? "")
                var head = HTTPResponseHead(version: .http1_1, status: answer == nil ? .notFound : .ok)
                let body = answer?.body ?? []
                head.headers = ["Content-Length": "\(body.count)", "Content-Type": answer?.type ?? "text/plain"]
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                if request?.method != .HEAD {
                    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
                }
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        // The engine tries TLS first.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
