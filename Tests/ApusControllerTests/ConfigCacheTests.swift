import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Files that the controller fetches come at the price of few requests, or a reason is told in time.
@Suite(.timeLimit(.minutes(1))) struct ConfigCacheTests {
    private func withCache(
        _ server: ScriptedServer,
        patience: Duration = .seconds(50),
        _ body: @Sendable (ConfigCache, ManualTime) async throws -> Void
    ) async throws {
        let time = ManualTime()
        let cache = ConfigCache(time: time.source, patience: patience) { call in try await server.fetch(call) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await cache.run() }
            try await body(cache, time)
        }
    }

    @Test func `many who need one file send one request, and all get what comes of it`() async throws {
        let server = ScriptedServer(["/a.conf": [1, 2]], holding: ["a.example"])
        let begun = Recorder<Int>()
        try await withCache(server) { cache, _ in
            let workload = fetching("A", call("a.example", "/a.conf"))
            try await withThrowingTaskGroup(of: Workload.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        begun.add(number)
                        return try await cache.filled(workload)
                    }
                }
                try await eventually("all ask") { begun.all.count == 20 && !server.asked.isEmpty }
                server.release()
                for try await filled in group {
                    #expect(filled.configs.map(\.source) == [.inline(data: [1, 2])])
                }
            }
        }
        #expect(server.asked == ["/a.conf"])
    }

    @Test func `the first file that cannot be had is named, and none after it is asked for`() async throws {
        let server = ScriptedServer(["/b.conf": [1]])
        try await withCache(server) { cache, _ in
            let workload = fetching("A", call("a.example", "/a.conf"), call("a.example", "/b.conf"))
            let failure = await #expect(throws: FetchFailure.self) { try await cache.filled(workload) }
            #expect(
                failure?.description == "configuration file /etc/a.conf: http://a.example:80/a.conf answered 404"
            )
        }
        #expect(server.asked == ["/a.conf"])
    }

    @Test func `a failure is good for a second, a file for ten`() async throws {
        let server = ScriptedServer(["/b.conf": [1]])
        let (missing, there) = (call("a.example", "/a.conf"), call("a.example", "/b.conf"))
        try await withCache(server) { cache, time in
            for _ in 0..<3 {
                await #expect(throws: FetchFailure.self) { try await cache.filled(fetching("A", missing)) }
                _ = try await cache.filled(fetching("B", there))
            }
            #expect(server.asked == ["/a.conf", "/b.conf"])
            time.advance(by: .seconds(1))
            await #expect(throws: FetchFailure.self) { try await cache.filled(fetching("A", missing)) }
            _ = try await cache.filled(fetching("B", there))
            #expect(server.asked == ["/a.conf", "/b.conf", "/a.conf"])
            time.advance(by: .seconds(9))
            _ = try await cache.filled(fetching("B", there))
        }
        #expect(server.asked == ["/a.conf", "/b.conf", "/a.conf", "/b.conf"])
    }

    @Test func `files are fetched one after the other, and who makes them late is named`() async throws {
        let server = ScriptedServer(["/a.conf": [1], "/b.conf": [2]], holding: ["b.example"])
        try await withCache(server, patience: .seconds(1)) { cache, _ in
            let workload = fetching("A", call("a.example", "/a.conf"), call("b.example", "/b.conf"))
            let failure = await #expect(throws: FetchFailure.self) { try await cache.filled(workload) }
            let text = failure?.description ?? ""
            #expect(text.hasPrefix("configuration file /etc/b.conf: http://b.example:80/b.conf has not answered"))
            // It comes all the same, for the next who asks.
            server.release()
            var sources: [ConfigSpec.Source] = []
            try await until("it comes") { sources = try await cache.filled(workload).configs.map(\.source) }
            #expect(sources == [.inline(data: [1]), .inline(data: [2])])
        }
    }

    @Test func `more than an executor takes is refused before it is sent`() async throws {
        let half = [UInt8](repeating: 7, count: ConfigCache.largestTogether / 2)
        let server = ScriptedServer(["/a.conf": half, "/b.conf": half, "/c.conf": [1]])
        let (first, second) = (call("a.example", "/a.conf"), call("a.example", "/b.conf"))
        try await withCache(server) { cache, _ in
            _ = try await cache.filled(fetching("A", first, second))
            let workload = fetching("B", first, second, call("a.example", "/c.conf"))
            let failure = await #expect(throws: FetchFailure.self) { try await cache.filled(workload) }
            #expect(failure?.description == "the configuration files have more than 2097152 bytes together")
        }
    }

    @Test func `a server that hangs is asked for few files at a time, and keeps nobody from another server`()
        async throws
    {
        var files = ["/b.conf": [UInt8(1)]]
        for number in 0..<10 { files["/a\(number).conf"] = [2] }
        let server = ScriptedServer(files, holding: ["a.example"])
        try await withCache(server) { cache, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    let workload = fetching("A\(number)", call("a.example", "/a\(number).conf"))
                    group.addTask { _ = try await cache.filled(workload) }
                }
                try await eventually("four are under way") { server.asked.count == 4 }
                _ = try await cache.filled(fetching("B", call("b.example", "/b.conf")))
                #expect(server.asked.count == 5 && server.asked.last == "/b.conf")
                server.release()
                try await group.waitForAll()
            }
        }
        #expect(Set(server.asked).count == 11 && server.asked.count == 11)
    }
}
