import ApusClient
import ApusLab
import Testing

/// What of a call's end is known, so that a history says no more than that.
struct RegisterHistoryTests {
    @Test(
        arguments: [.timedOut, .unreachable("a"), .status(503, "no"), .unreadable] as [ClientError.Code]
    )
    func `a write that nobody can tell the end of may have taken place`(code: ClientError.Code) async {
        let history = RegisterHistory()
        #expect(await history.write(1, to: "A", by: 1) { throw ClientError(code, "no") } == .unknown)
        #expect(await history.read("A", by: 1) { 1 } == .done)
        #expect(history.violations(initially: 0).isEmpty)
    }

    @Test(arguments: [.refused(["no"]), .notFound, .status(429, "later")] as [ClientError.Code])
    func `a write that was refused took no place`(code: ClientError.Code) async {
        let history = RegisterHistory()
        #expect(await history.write(1, to: "A", by: 1) { throw ClientError(code, "no") } == .refused)
        #expect(await history.read("A", by: 1) { 1 } == .done)
        #expect(history.violations(initially: 0).keys.sorted() == ["A"])
    }

    @Test func `a write that reached nobody took no place`() async {
        let nobody = APIClient(endpoint: "http://127.0.0.1:1")
        #expect(await RegisterHistory().write(1, to: "A", by: 1) { try await nobody.ping() } == .refused)
    }

    @Test func `each key is a register of its own`() async {
        let history = RegisterHistory()
        _ = await history.write(1, to: "A", by: 1) {}
        _ = await history.read("B", by: 1) { 0 }
        _ = await history.read("A", by: 1) { 1 }
        _ = await history.read("A", by: 1) { throw ClientError(.timedOut, "no") }
        #expect(history.violations(initially: 0).isEmpty)
        #expect(history.counts == (answered: 3, written: 1, unanswered: 0))
    }
}
