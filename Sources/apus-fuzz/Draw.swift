import ApusModel

/// Draws from a seed what somebody might send who means no good, or whose disk or wire is bad.
struct Draw {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { random.next() }

    /// 0 up to that number, which is above 0.
    mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    mutating func chance(_ wanted: Int, in all: Int) -> Bool { below(all) < wanted }

    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }

    /// A part of so many, above 0; mostly short.
    mutating func range(in count: Int) -> Range<Int> {
        let start = below(count)
        let length = chance(3, in: 4) ? below(8) : below(count)
        return start..<min(count, start + max(1, length))
    }

    mutating func repeated(_ bytes: [UInt8], upTo most: Int) -> [UInt8] {
        let times = min(1 << below(17), most / max(1, bytes.count))
        return Array(repeatElement(bytes, count: max(1, times)).joined())
    }

    // MARK: texts

    private static let texts = [
        "", " ", "\0", "\n", "\r\n", "\t", "\"", "\\", "\\u0000", "\\ud800", "\\uD83D\\uDE00", "'", "`", "$", "%", "%%",
        "%s", "%00", "%(x)s", "{", "}", "{}", "[", "]", "[]", ",", ":", "-", "--", "+", "/", "//", "..", "../..", "/..",
        "~",
        "~1", "#", ";", "=", "==", "&&", "||", "!", "(", ")", "&a", "*a", "? ", "- ", "---\n", "<<: ", "|\n", ">\n",
        "!!binary ",
        "null", "true", "false", "NaN", "Infinity", "0", "-0", "-1", "1e308", "1e309", "1e-400", "0x10", "007", "1.5",
        "2147483648",
        "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999", "1s", "9223372036854775807 days", "101%", "0.001%", "100.00%", "é", "e\u{301}",
        "\u{301}",
        "ß", "İ", "ı", "\u{FEFF}", "\u{202E}", "\u{FFFF}", "\u{10FFFF}", "👩‍👩‍👧‍👦", "２", "2026-11-21T10:42:37.123456789Z",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "ANY", "LOCAL", "COMPOSITE", "ROLLOUT", "type",
    ]

    mutating func text() -> String {
        switch below(12) {
        case 0: String(repeating: one(of: Self.texts), count: 1 << below(10))
        case 1: one(of: Self.texts) + one(of: Self.texts)
        default: one(of: Self.texts)
        }
    }

    // MARK: JSON

    private static let numbers: [Int64] = [
        0, 1, -1, 63, 64, 255, 256, 1024, 2048, 2049, 65_535, 65_536, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 40, 1 << 48,
        (1 << 53) + 1, .max, .max - 1, .min, .min + 1,
    ]
    private static let fractions = [0.5, -0.0, 1.0, 1e19, -1e19, 1e308, 2.2250738585072014e-308, 9.223372036854776e18]

    /// Another value than was meant to be there.
    private mutating func misfit() -> JSON {
        switch below(12) {
        case 0: .null
        case 1: .bool(chance(1, in: 2))
        case 2, 3, 4: .integer(one(of: Self.numbers))
        case 5: .number(one(of: Self.fractions))
        case 6: .object([])
        case 7: .array([])
        case 8: nested(below(JSON.deepest + 2))
        case 9: .array(Array(repeating: one(of: [.null, 1, "x", [:]]), count: 1 << below(12)))
        default: .string(text())
        }
    }

    private mutating func nested(_ depth: Int) -> JSON {
        let key = text()
        return (0..<depth).reduce(.integer(1)) { inner, level in
            level.isMultiple(of: 2) ? .array([inner]) : .object([JSON.Member(key, inner)])
        }
    }

    /// The value with one thing in it changed.
    mutating func changed(_ json: JSON) -> JSON {
        switch json {
        case .object(let members) where !members.isEmpty && !chance(1, in: 10): changed(members)
        case .array(let elements) where !elements.isEmpty && !chance(1, in: 10): changed(elements)
        case .string(let text) where chance(1, in: 2): .string(changed(text))
        default: misfit()
        }
    }

    private mutating func changed(_ members: [JSON.Member]) -> JSON {
        var members = members
        let index = below(members.count)
        switch below(12) {
        case 0: members.remove(at: index)
        case 1: members.append(JSON.Member(members[index].key, misfit()))
        case 2: members[index].key = text()
        case 3: members.insert(JSON.Member(text(), misfit()), at: index)
        case 4: members.append(contentsOf: repeatElement(members[index], count: 1 << below(5)))
        default: members[index].value = changed(members[index].value)
        }
        return .object(members)
    }

    private mutating func changed(_ elements: [JSON]) -> JSON {
        var elements = elements
        let index = below(elements.count)
        switch below(8) {
        case 0: elements.remove(at: index)
        case 1: elements.append(misfit())
        case 2: elements.append(contentsOf: repeatElement(elements[index], count: 1 << below(5)))
        default: elements[index] = changed(elements[index])
        }
        return .array(elements)
    }

    /// A text may hold JSON itself, or another language.
    private mutating func changed(_ text: String) -> String {
        do {
            if chance(1, in: 2) { return changed(try JSON(parsing: text)).serialized }
        } catch {
            // It holds something else.
        }
        var scalars = Array(text.unicodeScalars)
        guard !scalars.isEmpty else { return self.text() }
        scalars.replaceSubrange(range(in: scalars.count), with: self.text().unicodeScalars)
        return String(String.UnicodeScalarView(scalars))
    }
}
