import ApusClient
import ApusTestKit
import Dispatch
import Testing

private struct Refused: Error {}

/// Questions to file systems of which one hangs.
@Suite(.timeLimit(.minutes(1)))
struct LookupsTests {
    @Test func `an answer and a refusal come as they are`() async throws {
        let lookups = Lookups(limit: 1)
        for number in 0..<100 {
            #expect(try await lookups.run(within: .seconds(20), doing: "looking") { number } == number)
            await #expect(throws: Refused.self) {
                try await lookups.run(within: .seconds(20), doing: "looking") { throw Refused() }
            }
        }
    }

    @Test func `one that hangs is told in time, holds up no other, and only so many may`() async throws {
        let lookups = Lookups(limit: 3)
        let server = DispatchSemaphore(value: 0)
        func hang() async throws {
            try await lookups.run(within: .milliseconds(50), doing: "looking at /data") { server.wait() }
        }
        for _ in 0..<2 {
            let late = await #expect(throws: LookupFailure.self) { try await hang() }
            #expect(late?.description.contains("looking at /data: the file system did not answer") == true)
        }
        #expect(try await lookups.run(within: .seconds(20), doing: "looking") { "there" } == "there")
        await #expect(throws: LookupFailure.self) { try await hang() }
        let full = await #expect(throws: LookupFailure.self) {
            try await lookups.run(within: .milliseconds(50), doing: "looking") {}
        }
        #expect(full?.description.contains("3 earlier look-ups hang") == true)
        async let patient = lookups.run(within: .seconds(20), doing: "looking") { "there" }
        for _ in 0..<3 { server.signal() }
        #expect(try await patient == "there", "it waited for its turn")
        try await eventually("the server is back") {
            do { return try await lookups.run(within: .seconds(20), doing: "looking") { true } } catch { return false }
        }
    }

    @Test func `one that is given up ends at once`() async throws {
        let lookups = Lookups(limit: 1)
        let server = DispatchSemaphore(value: 0)
        let looking = Task {
            try await lookups.run(within: .seconds(600), doing: "looking") { server.wait() }
        }
        looking.cancel()
        await #expect(throws: CancellationError.self) { try await looking.value }
        server.signal()
    }
}
