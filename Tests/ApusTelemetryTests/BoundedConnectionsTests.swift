import ApusTelemetry
import Dispatch
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Who takes nothing of an answer is cut off, and what it held is free again.
@Suite(.timeLimit(.minutes(1)))
struct BoundedConnectionsTests {
    private final class Held: Sendable {
        let released: AsyncStream<Void>.Continuation

        init(_ released: AsyncStream<Void>.Continuation) { self.released = released }

        deinit { released.yield() }
    }

    /// Far more than the kernel's buffers take.
    private struct Endless: HTTPResponder {
        typealias Context = BasicRequestContext

        let released: AsyncStream<Void>.Continuation

        func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
            let held = Held(released)
            return Response(
                status: .ok,
                body: ResponseBody { writer in
                    let piece = ByteBuffer(repeating: 7, count: 1 << 20)
                    for _ in 0..<1_000 { try await writer.write(piece) }
                    try await writer.finish(nil)
                    withExtendedLifetime(held) {}
                }
            )
        }
    }

    @Test func `a client that takes nothing loses its connection`() async throws {
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let (listening, listens) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: Endless(released: release),
            server: .http1(configuration: .bounded(idle: .seconds(50), stall: .milliseconds(300))),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { listens.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await application.run() }
            var ports = listening.makeAsyncIterator()
            let port = try #require(await ports.next())
            let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: port).get()
            try await client.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
            var ends = released.makeAsyncIterator()
            #expect(await ends.next() != nil)
            try await client.close()
        }
    }
}
