/// A duration as written in a specification: a number and its unit, both kept (contract §0.2).
package struct DurationText: Hashable, Sendable {
    /// The unit as it is written out in full.
    package enum Unit: String, Sendable, CaseIterable {
        case nanoseconds, microseconds, milliseconds, seconds, minutes, hours, days
    }
    /// How many units; never negative when it was parsed.
    package var amount: Int64
    /// The unit as given, not normalised.
    package var unit: Unit

    package init(_ amount: Int64, _ unit: Unit) {
        self.amount = amount
        self.unit = unit
    }

    /// Reads `\s*(\d+)\s*(\S+)\s*` with a known unit, such as `5m`, `30 seconds` or `1 d`.
    ///
    /// - Throws: `JSONError` naming the text and what is wrong with it.
    package init(parsing text: String) throws(JSONError) {
        let trimmed = text.utf8.drop(while: Self.isSpace)
        let digits = trimmed.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        var rest = trimmed[digits.endIndex...].drop(while: Self.isSpace)
        while let last = rest.last, Self.isSpace(last) { rest.removeLast() }
        guard !digits.isEmpty, !rest.isEmpty else {
            throw JSONError("Invalid duration: \(text). Write a number and a unit, such as 30s or 5 minutes")
        }
        guard let amount = Int64(String(Substring(digits))) else {
            throw JSONError("Invalid duration: \(text). The number is too large")
        }
        guard let unit = Self.unit(named: String(Substring(rest))) else {
            throw JSONError("Invalid duration: \(text). Wrong time unit, use one of ns, us, ms, s, m, h, d")
        }
        self.init(amount, unit)
    }

    /// The span, at most `Int64.max` nanoseconds (292 years).
    package var duration: Duration {
        let (product, overflow) = amount.multipliedReportingOverflow(by: nanosecondsPerUnit)
        return .nanoseconds(overflow ? (amount < 0 ? .min : .max) : product)
    }

    /// The form it has in answers and records, singular for exactly one: `1 second`, `0 seconds`.
    package var text: String {
        "\(amount) \(amount == 1 ? String(unit.rawValue.dropLast()) : unit.rawValue)"
    }

    /// `text` as a JSON string.
    package var json: JSON { .string(text) }

    /// Reads a JSON string.
    ///
    /// - Throws: `JSONError` if it is no string or no duration.
    package init(json: JSON) throws(JSONError) {
        guard case .string(let text) = json else { throw JSONError("Invalid duration: it must be a string") }
        try self.init(parsing: text)
    }

    private var nanosecondsPerUnit: Int64 {
        switch unit {
        case .nanoseconds: 1
        case .microseconds: 1_000
        case .milliseconds: 1_000_000
        case .seconds: 1_000_000_000
        case .minutes: 60_000_000_000
        case .hours: 3_600_000_000_000
        case .days: 86_400_000_000_000
        }
    }

    private static func unit(named name: String) -> Unit? {
        switch name {
        case "ns", "nanosecond", "nanoseconds": .nanoseconds
        case "us", "microsecond", "microseconds": .microseconds
        case "ms", "millisecond", "milliseconds": .milliseconds
        case "s", "second", "seconds": .seconds
        case "m", "min", "mins", "minute", "minutes": .minutes
        case "h", "hour", "hours": .hours
        case "d", "day", "days": .days
        default: nil
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
