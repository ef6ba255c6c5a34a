import ApusContainers
import ApusModel
import Testing

/// What an engine would never say, and somebody in its place might.
@Suite struct HostileAnswerTests {
    @Test(arguments: ["9223372036854775807", "-9223372036854775808", "99999999999999999999", "x"])
    func `a refusal of any length is waited for or read, never added up`(length: String) {
        var answer = HijackAnswer()
        let bytes = Array("HTTP/1.1 404 Not Found\r\nContent-Length: \(length)\r\n\r\nno".utf8)
        #expect(answer.isWhole(bytes) == !length.hasPrefix("9223"))
        #expect(answer.status == 404)
        #expect(answer.body(bytes) == Array("no".utf8))
    }

    @Test func `counts below 0 are 0, so that no difference of them is out of bounds`() throws {
        let json = try JSON(
            parsing: """
                {"cpu_stats":{"cpu_usage":{"total_usage":-1}},"memory_stats":{"usage":-9223372036854775808,\
                "stats":{"inactive_file":9223372036854775807}}}
                """
        )
        let stats = try #require(ContainerStats(engineJSON: json))
        #expect(stats.cpuNanoseconds == 0)
        #expect(stats.memory.usedBytes == 0)
    }

    @Test func `a time with a sign in its fraction is none`() {
        #expect(ContainerLogEntry.nanoseconds("1970-01-01T00:00:00.-12345678Z".utf8) == nil)
        #expect(ContainerLogEntry.nanoseconds("1970-01-01T00:00:00.123456789Z".utf8) == 123_456_789)
    }
}
