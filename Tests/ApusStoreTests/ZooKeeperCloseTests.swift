import ApusStore
import ApusTestKit
import Dispatch
import Testing

/// How a session ends of which nobody may wait for ZooKeeper any more: a controller that is stopped has ended soon.
@Suite(.timeLimit(.minutes(1))) struct ZooKeeperCloseTests {
    /// So long hangs what hangs, unless it is let go before.
    private static let hang: DispatchTimeInterval = .seconds(30)
    /// What the session promises is 5 s; the rest is for a busy machine.
    private static let limit: Duration = .seconds(15)

    private func timeToClose(_ session: ZooKeeperSession) async -> Duration {
        await ContinuousClock().measure { await session.close() }
    }

    @Test func `a controller that is stopped gives the library time to tell a server, and ends though that hangs`()
        async throws
    {
        let (queue, letGo) = (DispatchQueue(label: "hangs"), DispatchSemaphore(value: 0))
        queue.async { _ = letGo.wait(timeout: .now() + Self.hang) }
        defer { letGo.signal() }
        let session = ZooKeeperSession.open(.init(address: try ZooKeeperAddress("127.0.0.1:1/apus")), on: queue)
        let time = await timeToClose(session)
        #expect(time < Self.limit)
        #expect(time > .seconds(3), "the library takes so long at most to tell a server that it ends")
        #expect(session.status.phase == .closed)
        await #expect(throws: StoreError.self) { try await session.connected(within: .seconds(60)) }
    }

    @Test func `a controller that is stopped ends though the server that it calls hangs`() async throws {
        let server = try HungServer()
        defer { server.close() }
        let session = ZooKeeperSession.open(.init(address: try ZooKeeperAddress("127.0.0.1:\(server.port)/apus")))
        try await eventually("it calls the server") { server.isCalled }
        #expect(await timeToClose(session) < Self.limit)
    }

    @Test func `a controller that is stopped ends though the name server that it asks hangs`() async throws {
        let (asked, letGo) = (Once<Void>(), DispatchSemaphore(value: 0))
        var settings = ZooKeeperSession.Settings(address: try ZooKeeperAddress("zk.example.com/apus"))
        settings.lookUp = { _ in
            asked.happen(())
            _ = letGo.wait(timeout: .now() + Self.hang)
            return []
        }
        defer { letGo.signal() }
        let session = ZooKeeperSession.open(settings)
        _ = await asked.wait()
        #expect(await timeToClose(session) < Self.limit)
    }
}
