import ApusTelemetry
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Who takes long over the head of a request, or over a body that nobody wants, is cut off; who is quiet, or slow with
/// what is wanted, is not; and a port takes only so many at once.
@Suite(.timeLimit(.minutes(1)))
struct RequestHeadTests {
    private struct Done: HTTPResponder {
        typealias Context = BasicRequestContext

        func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
            // Some requests are refused before their bodies are looked at.
            let body = request.uri.path == "/unread" ? ByteBuffer() : try await request.body.collect(upTo: 100)
            return Response(
                status: .ok,
                body: ResponseBody(byteBuffer: ByteBuffer(string: "done\(String(buffer: body))"))
            )
        }
    }

    private final class Turn: Sendable {
        let isOver = Mutex(false)
    }

    private typealias Client = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Serves for as long as the body takes, which is told the port.
    private func serving(
        limit: Int? = nil,
        headArrival: Duration,
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let (listening, listens) = AsyncStream.makeStream(of: Int.self)
        let port = ListeningPort("127.0.0.1", 0, .bounded(idle: .seconds(50)), limit: limit, headArrival: headArrival)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await port.serve(Done(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
                    listens.yield($0)
                }
            }
            var ports = listening.makeAsyncIterator()
            try await body(try #require(await ports.next()))
        }
    }

    private func connect(_ port: Int) async throws -> Client {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture { try Client(wrappingChannelSynchronously: channel) }
            }
    }

    /// All that comes until it ends so, or the connection does.
    private func text(
        _ inbound: inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        until end: String
    ) async throws -> String {
        var text = ""
        while !text.hasSuffix(end), let piece = try await inbound.next(isolation: #isolation) {
            text += String(buffer: piece)
        }
        return text
    }

    @Test func `a head that does not arrive whole is answered, and its connection closed`() async throws {
        try await serving(headArrival: .milliseconds(200)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                try await outbound.write(ByteBuffer(string: "GET / HTTP/1.1\r\nHo"))
                // To the end: it is closed.
                let answer = try await text(&iterator, until: "nothing ends so")
                #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
                #expect(answer.contains("The head of the request did not arrive within 0.2 seconds"), "\(answer)")
            }
        }
    }

    @Test func `neither quiet between requests nor a slow body cuts a connection`() async throws {
        try await serving(headArrival: .milliseconds(200)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                for _ in 0..<2 {
                    try await pass(.milliseconds(500))
                    try await outbound.write(
                        ByteBuffer(string: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
                    )
                    try await pass(.milliseconds(500))
                    try await outbound.write(ByteBuffer(string: "b"))
                    #expect(try await text(&iterator, until: "doneab").hasSuffix("doneab"), "the connection was cut")
                }
            }
        }
    }

    @Test func `a body that goes on after its answer is cut off, however steadily it comes`() async throws {
        try await serving(headArrival: .milliseconds(300)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                try await outbound.write(
                    ByteBuffer(string: "POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                )
                #expect(try await text(&iterator, until: "done").hasSuffix("done"))
                await #expect(throws: (any Error).self, "it was never cut off") {
                    while true {
                        try await outbound.write(ByteBuffer(string: "1\r\na\r\n"))
                        try await pass(.milliseconds(20))
                    }
                }
            }
        }
    }

    @Test func `a body that ends soon after its answer leaves the connection as it is`() async throws {
        try await serving(headArrival: .seconds(1)) { port in
            try await connect(port).executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                for round in 0..<2 {
                    if round > 0 { try await pass(.milliseconds(1_300)) }
                    try await outbound.write(
                        ByteBuffer(string: "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
                    )
                    #expect(try await text(&iterator, until: "done").hasSuffix("done"), "the connection was cut")
                    try await outbound.write(ByteBuffer(string: "b"))
                }
            }
        }
    }

    @Test func `of connections beyond the limit each waits until another is closed`() async throws {
        try await serving(limit: 1, headArrival: .seconds(30)) { port in
            let request = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let first = Turn()
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await connect(port).executeThenClose { inbound, outbound in
                    var iterator = inbound.makeAsyncIterator()
                    try await outbound.write(request)
                    _ = try await text(&iterator, until: "done")
                    group.addTask {
                        try await connect(port).executeThenClose { inbound, outbound in
                            var iterator = inbound.makeAsyncIterator()
                            try await outbound.write(request)
                            #expect(try await text(&iterator, until: "done").hasSuffix("done"))
                            let hasWaited = first.isOver.withLock(\.self)
                            #expect(hasWaited, "it did not wait")
                        }
                    }
                    try await pass(.milliseconds(300))
                    try await outbound.write(request)
                    _ = try await text(&iterator, until: "done")
                    first.isOver.withLock { $0 = true }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// As slow as somebody else is: time itself is what is waited for.
private func pass(_ span: TimeAmount) async throws {
    try await MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: span) {}.futureResult.get()
}
