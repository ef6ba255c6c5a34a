import ApusTelemetry
import Dispatch
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Who takes nothing of an answer is cut off, and what it held is free again; nobody else is.
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

    /// Answers after a while, in one piece.
    private struct Late: HTTPResponder {
        typealias Context = BasicRequestContext

        let delay: TimeAmount
        let body: ByteBuffer

        func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
            try await pass(delay)
            return Response(status: .ok, body: ResponseBody(byteBuffer: body))
        }
    }

    private static let request = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    /// Serves for as long as the body takes, which is told the port.
    private func serving<Responder: HTTPResponder>(
        _ responder: Responder,
        stall: Duration,
        _ body: @Sendable (Int) async throws -> Void
    ) async throws where Responder.Context == BasicRequestContext {
        let (listening, listens) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: responder,
            server: .http1(configuration: .bounded(idle: .seconds(50), stall: stall)),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { listens.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await application.run() }
            var ports = listening.makeAsyncIterator()
            try await body(try #require(await ports.next()))
        }
    }

    /// A connection that is read only as fast as the test takes what came.
    private func connect(_ port: Int) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2))
                    )
                }
            }
    }

    @Test func `a client that takes nothing loses its connection`() async throws {
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        try await serving(Endless(released: release), stall: .milliseconds(300)) { port in
            let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: port).get()
            try await client.writeAndFlush(Self.request)
            var ends = released.makeAsyncIterator()
            #expect(await ends.next() != nil)
            try await client.close()
        }
    }

    @Test func `a connection that is quiet for long and an answer that comes late both live`() async throws {
        let late = Late(delay: .milliseconds(600), body: ByteBuffer(string: "done"))
        try await serving(late, stall: .milliseconds(200)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                var (text, answers) = ("", 0)
                // Neither before the first request nor between the two does anything move for three times the limit.
                try await pass(.milliseconds(600))
                try await outbound.write(Self.request)
                for try await piece in inbound {
                    text += String(buffer: piece)
                    guard text.hasSuffix("done") else { continue }
                    answers += 1
                    guard answers < 2 else { break }
                    text = ""
                    try await pass(.milliseconds(600))
                    try await outbound.write(Self.request)
                }
                #expect(answers == 2, "the connection was cut")
            }
        }
    }

    @Test func `a client that takes a large answer slowly and steadily gets all of it`() async throws {
        // Far more than the kernel's buffers take, in one write, which takes several times the limit.
        let length = 8 << 20
        let large = Late(delay: .zero, body: ByteBuffer(repeating: 7, count: length))
        try await serving(large, stall: .seconds(2)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                try await outbound.write(Self.request)
                var taken = 0
                for try await piece in inbound {
                    taken += piece.readableBytes
                    guard taken < length else { break }
                    try await pass(.milliseconds(40))
                }
                #expect(taken >= length, "the connection was cut")
            }
        }
    }
}

/// As slow as somebody else is: time itself is what is waited for.
private func pass(_ span: TimeAmount) async throws {
    try await MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: span) {}.futureResult.get()
}
