import ApusClient
import ApusModel
import Testing

/// How often somebody may be wrong.
@Suite struct FailureLimitTests {
    private let start = Moment(nanoseconds: 1)

    @Test func `whoever is wrong too often waits for the rest of the minute, and others do not`() {
        var limit = FailureLimit()
        for count in 1...FailureLimit.most {
            #expect(limit.wait(of: "a", at: start) == nil)
            #expect(limit.fail("a", at: start) == count)
        }
        #expect(limit.wait(of: "a", at: start) == FailureLimit.window)
        #expect(limit.wait(of: "a", at: start + .seconds(59)) == .seconds(1))
        #expect(limit.wait(of: "b", at: start) == nil)
        let later = start + FailureLimit.window
        #expect(limit.wait(of: "a", at: later) == nil)
        #expect(limit.fail("a", at: later) == 1, "another minute, another count")
    }

    @Test func `of too many sources the one that failed first is forgotten`() {
        var limit = FailureLimit()
        for _ in 0..<FailureLimit.most { _ = limit.fail("first", at: start) }
        for _ in 0..<FailureLimit.most { _ = limit.fail("second", at: start + .seconds(1)) }
        for number in 2..<FailureLimit.mostSources { _ = limit.fail("\(number)", at: start + .seconds(2)) }
        #expect(limit.wait(of: "first", at: start + .seconds(2)) != nil)
        _ = limit.fail("one more", at: start + .seconds(2))
        #expect(limit.wait(of: "first", at: start + .seconds(2)) == nil)
        #expect(limit.wait(of: "second", at: start + .seconds(2)) != nil)
    }
}
