import ApusClient
import ApusModel
import Testing

/// What is fetched for containers comes only from whom it may, and never without measure.
@Suite(.timeLimit(.minutes(1)))
struct ConfigFetcherTests {
    private func call(_ server: AnsweringServer, host: String = "127.0.0.1", timeout: Int64 = 10) throws -> HTTPCallSpec
    {
        let port = try #require(server.url.split(separator: ":").last.flatMap { Int($0) })
        return HTTPCallSpec(
            scheme: .http,
            hostname: host,
            port: port,
            path: "/app.conf?key=hunter2",
            operationTimeout: DurationText(timeout, .seconds),
            username: "apus",
            password: "hunter2"
        )
    }

    private func failure(_ call: HTTPCallSpec, allowed: [String]) async -> String {
        do {
            _ = try await ConfigFetcher(allowed: allowed.compactMap(FetchTarget.init)).fetch(call)
            return "it was fetched"
        } catch {
            return "\(error)"
        }
    }

    @Test func `a file is fetched from a host that is allowed`() async throws {
        let server = try AnsweringServer("name = value")
        let call = try call(server)
        let bytes = try await ConfigFetcher(allowed: [try #require(FetchTarget("127.0.0.1"))]).fetch(call)
        #expect(String(decoding: bytes, as: UTF8.self) == "name = value")
        #expect(await failure(call, allowed: ["127.0.0.1:1"]).contains("not on the list"))
        #expect(await failure(call, allowed: []).contains("not on the list"))
    }

    @Test func `a name that leads to this machine is not followed`() async throws {
        let server = try AnsweringServer("secret")
        var call = try call(server)
        // Every resolver knows it as this machine's own, whatever the network.
        call.hostname = "ip6-localhost"
        let text = await failure(call, allowed: ["ip6-localhost"])
        #expect(text.contains("an address of this machine") || text.contains("leads to no address"), "\(text)")
        call.hostname = "0x7f000001"
        #expect(await failure(call, allowed: ["0x7f000001"]).contains("an address of this machine"))
        call.hostname = "2130706433"
        #expect(await failure(call, allowed: ["2130706433"]).contains("an address of this machine"))
    }

    @Test func `a redirect, another status and too much are failures, and no secret is in what they say`() async throws
    {
        let cases: [(AnsweringServer.Answer, String)] = [
            (.init(status: 302, body: ""), "a redirect, which is not followed"),
            (.init(status: 404, body: "no"), "answered 404"),
            (.init(status: 200, body: String(repeating: "x", count: ConfigFetcher.largestFile + 1)), "more than"),
        ]
        for (answer, expected) in cases {
            let server = try AnsweringServer([answer])
            let text = await failure(try call(server), allowed: ["127.0.0.1"])
            #expect(text.contains(expected), "\(text)")
            #expect(!text.contains("hunter2"))
        }
    }

    @Test func `a server that says nothing is not waited for beyond the time allowed`() async throws {
        let server = try AnsweringServer("late", answers: false)
        let begun = ContinuousClock.now
        let text = await failure(try call(server, timeout: 1), allowed: ["127.0.0.1"])
        #expect(text.contains("did not answer within"), "\(text)")
        #expect(ContinuousClock.now - begun < .seconds(8))
    }

    @Test(
        arguments: ["", "http://a", "a b", "host:0", "host:70000", "host:", "[::1", "a/b", "user@host"]
    )
    func `what is no host is no target`(text: String) { #expect(FetchTarget(text) == nil) }

    @Test func `hosts are named with and without a port`() throws {
        #expect(FetchTarget("Config.example.com:8080")?.description == "config.example.com:8080")
        #expect(FetchTarget("[fd00::7]:80")?.description == "fd00::7:80")
        #expect(FetchTarget("10.0.0.7")?.port == nil)
    }
}
