import ApusModel
import Testing

@Suite struct DurationTextTests {
    static let units: [(DurationText.Unit, [String], Int64)] = [
        (.nanoseconds, ["ns", "nanosecond", "nanoseconds"], 1),
        (.microseconds, ["us", "microsecond", "microseconds"], 1_000),
        (.milliseconds, ["ms", "millisecond", "milliseconds"], 1_000_000),
        (.seconds, ["s", "second", "seconds"], 1_000_000_000),
        (.minutes, ["m", "min", "mins", "minute", "minutes"], 60_000_000_000),
        (.hours, ["h", "hour", "hours"], 3_600_000_000_000),
        (.days, ["d", "day", "days"], 86_400_000_000_000),
    ]

    @Test(arguments: units)
    func `every name of a unit is read`(_ unit: DurationText.Unit, _ names: [String], _ nanoseconds: Int64) throws {
        for name in names {
            let text = try DurationText(parsing: " \t7\n\(name) ")
            #expect(text == DurationText(7, unit))
            #expect(text.duration == .nanoseconds(7 * nanoseconds))
        }
    }

    @Test(arguments: [
        ("1s", "1 second"), ("0s", "0 seconds"), ("100 s", "100 seconds"), ("1 mins", "1 minute"),
        ("60m", "60 minutes"),
        ("01h", "1 hour"), ("1d", "1 day"), ("1ms", "1 millisecond"), ("24 hours", "24 hours"),
    ])
    func `it is written in full with its own unit, singular for one`(_ read: String, _ written: String) throws {
        let text = try DurationText(parsing: read)
        #expect(text.json == .string(written))
        #expect(try DurationText(json: text.json) == text)
    }

    @Test(arguments: [
        "", " ", "5", "s", "-5s", "+5s", "5.5s", "5 S", "5 sec", "5 s x", "5s5", "99999999999999999999s", "٣s",
        "1 s\u{0}",
    ])
    func `what is no duration is refused`(_ text: String) {
        #expect(throws: JSONError.self) { try DurationText(parsing: text) }
    }

    @Test func `a span too long to count ends at the longest one`() throws {
        #expect(try DurationText(parsing: "9223372036854775807 days").duration == .nanoseconds(Int64.max))
        #expect(Moment(nanoseconds: 5) + .nanoseconds(Int64.max) == Moment(nanoseconds: .max))
    }
}
