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

    @Test func `of too many sources one that may go on is forgotten, not one that has to wait`() {
        var limit = FailureLimit()
        for _ in 1..<FailureLimit.most { _ = limit.fail("first", at: start) }
        for _ in 0..<FailureLimit.most { _ = limit.fail("second", at: start) }
        for number in 1..<FailureLimit.mostSources { _ = limit.fail("\(number)", at: start + .seconds(1)) }
        #expect(limit.fail("first", at: start + .seconds(1)) == 1, "it was forgotten")
        #expect(limit.wait(of: "second", at: start + .seconds(1)) != nil)
    }

    @Test func `addresses of one IPv6 network are one source`() {
        var limit = FailureLimit()
        for number in 0..<FailureLimit.most { _ = limit.fail("2001:db8:1:2::\(number)", at: start) }
        #expect(limit.wait(of: "2001:db8:1:2:ffff::1", at: start) != nil)
        #expect(limit.wait(of: "2001:db8:1:3::1", at: start) == nil)
        for number in 0..<FailureLimit.most { _ = limit.fail("::ffff:192.0.2.\(number)", at: start) }
        #expect(limit.wait(of: "::ffff:192.0.2.1", at: start) == nil)
    }
}
