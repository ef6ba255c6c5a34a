import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Foundation
import Logging
import ServiceLifecycle
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Events followed over a real socket.
@Suite(.timeLimit(.minutes(3))) struct EventStreamTests {
    private typealias Told = (id: String, event: StreamedEvent)

    private static let event = ClusterEvent(.maintenanceSet, .members(["HOSTNAME": "ctrl1"]))

    /// Time passes for listeners every 50 ms.
    private static var brisk: EventLimits {
        var limits = EventLimits()
        limits.keepAlive = .milliseconds(150)
        return limits
    }

    private static func withServedController(
        _ limits: EventLimits,
        _ body: @escaping @Sendable (Controller, APIClient) async throws -> Void
    ) async throws {
        try await withController(store: MemoryStore(), events: limits) { controller in
            try await withServer(controller) { client in try await body(controller, client) }
        }
    }

    /// All that a stream tells within some seconds.
    private static func follow(
        _ client: APIClient,
        _ query: [(name: String, value: String)] = [],
        behind id: String = "",
        seconds: Int = 1
    ) async throws -> [Told] {
        var told: [Told] = []
        try await client.follow(query + [(name: "timeout", value: "\(seconds)")], behind: id) { id, event in
            told.append((id, event))
        }
        return told
    }

    private static func events(_ told: [Told]) -> [(id: String, type: String)] {
        told.compactMap { told in
            if case .event(let event) = told.event { (id: told.id, type: event.type) } else { nil }
        }
    }

    private static func gaps(_ told: [Told]) -> [String] {
        told.compactMap { told in
            if case .gap(let after, let before) = told.event { "\(after ?? "?") to \(before)" } else { nil }
        }
    }

    @Test func `a listener goes on behind the last event it has had, and misses none`() async throws {
        try await Self.withServedController(Self.brisk) { controller, client in
            _ = await controller.inbox.submit(fullReport())
            _ = await controller.inbox.submit(.application(create(instances: 1)))
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let all = try await Self.follow(client, [(name: "from", value: "1-0")])
            let events = Self.events(all)
            #expect(events.map(\.id) == ["1-1", "1-2", "1-3", "1-4", "1-5"])
            #expect(events.first?.type == "LEADERSHIP_ACQUIRED")
            #expect(events.last?.type == "INSTANCE_STATE_CHANGE")
            #expect(Self.gaps(all) == [])
            let rest = try await Self.follow(client, behind: "1-2")
            #expect(Self.events(rest).map(\.id) == ["1-3", "1-4", "1-5"])
            #expect(Self.gaps(rest) == [])
        }
    }

    @Test func `who begins now hears what happens from now on, of the types it wants, and that the stream is there`()
        async throws
    {
        try await Self.withServedController(Self.brisk) { controller, client in
            async let heard = Self.follow(client, [(name: "type", value: "maintenance_mode_set")], seconds: 3)
            try await eventually("it follows") { controller.events.listeners == 1 }
            controller.events.append([ClusterEvent(.maintenanceRemoved, .object([])), Self.event])
            let told = try await heard
            #expect(Self.events(told).map(\.id) == ["1-3"])
            #expect(told.first?.id == "1-1", "it can go on there though nothing has happened yet")
            #expect(told.last?.id == "1-3")
            #expect(told.count > 3, "nothing for a while is told too")
            try await eventually("its place is free") { controller.events.listeners == 0 }
        }
    }

    @Test func `what is no longer held is told as a gap, once`() async throws {
        var limits = Self.brisk
        limits.count = 3
        try await Self.withServedController(limits) { controller, client in
            controller.events.append(Array(repeating: Self.event, count: 5))
            for (id, gap) in [("1-1", "1-1 to 1-4"), ("0-9", "0-9 to 1-4"), ("9-9", "9-9 to 1-4")] {
                let told = try await Self.follow(client, behind: id)
                #expect(Self.gaps(told) == [gap])
                #expect(Self.events(told).map(\.id) == ["1-4", "1-5", "1-6"])
            }
            let last = try await Self.follow(client, behind: "1-3")
            #expect(Self.gaps(last) == [], "the id of the gap goes on behind it")
            let since = try await Self.follow(client, [(name: "since", value: "0")])
            #expect(Self.gaps(since) == ["? to 1-4"])
            #expect(Self.events(since).count == 3)
        }
    }

    @Test func `a listener that takes nothing holds nobody up, and is told what it has missed`() async throws {
        var limits = EventLimits()
        limits.bytes = 1 << 20
        try await Self.withServedController(limits) { controller, client in
            let port = Int(client.endpoint.split(separator: ":").last ?? "") ?? 0
            let listener = try SlowListener(port: port)
            defer { listener.end() }
            try await eventually("it follows") { controller.events.listeners == 1 }
            let text = String(repeating: "x", count: 10_000)
            let long = ClusterEvent(.maintenanceSet, .members(["HOSTNAME": .string(text)]))
            // More than all buffers on the way take.
            for _ in 0..<4_000 { controller.events.append([long]) }
            let fresh = try await client.events(after: WallTime(milliseconds: 0), atMost: 1)
            #expect(fresh.count == 1)
            #expect(await listener.reads("event: gap"))
        }
    }

    @Test func `a server that is to end waits for no listener`() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withController(store: MemoryStore()) { controller in
            let (ports, listening) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
            let server = APIServer(api: controller.api, address: "127.0.0.1", port: 0, logger: logger) { port in
                listening.yield(port)
            }
            let services = ServiceGroup(services: [server], logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
                group.addTask { try await APIClient(endpoint: "127.0.0.1:\(port)").follow(behind: "") { _, _ in } }
                try await eventually("it follows") { controller.events.listeners == 1 }
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }
}

/// A listener that reads nothing until it is told to.
private struct SlowListener {
    private let connection: Int32

    init(port: Int) throws {
        connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var buffer: Int32 = 4_096
        setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &buffer, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let (own, size) = (connection, socklen_t(MemoryLayout<sockaddr_in>.size))
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(own, $0, size) }
        }
        try #require(result == 0, "nobody listens")
        let request = Array("GET /apis/v1/cluster/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        _ = send(connection, request, request.count, Int32(MSG_NOSIGNAL))
    }

    /// Whether that text comes, on a thread of its own.
    func reads(_ text: String) async -> Bool {
        let connection = connection
        return await withCheckedContinuation { next in
            Thread.detachNewThread {
                let wanted = Array(text.utf8)
                var (seen, piece) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
                var isThere = false
                while !isThere {
                    let count = recv(connection, &piece, piece.count, 0)
                    guard count > 0 else { break }
                    seen = Array(seen.suffix(wanted.count)) + piece[..<count]
                    isThere = seen.firstRange(of: wanted) != nil
                }
                next.resume(returning: isThere)
            }
        }
    }

    func end() { close(connection) }
}
