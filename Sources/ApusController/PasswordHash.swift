/// A bcrypt hash in its usual text: `$2b$10$`, the salt and the hash.
package struct PasswordHash: Hashable, Sendable, CustomStringConvertible {
    /// Less can be guessed, more takes minutes of processor time.
    private static let costs = 4...16
    private static let variants: Set<Substring> = ["2a", "2b", "2y"]

    package let text: String

    /// `nil` if the text is no bcrypt hash of one of these costs.
    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, Self.variants.contains(parts[1]),
            parts[2].utf8.count == 2, parts[2].utf8.allSatisfy(Self.digits.contains),
            Int(parts[2]).map(Self.costs.contains) == true,
            parts[3].utf8.count == 53, parts[3].utf8.allSatisfy(Self.isSymbol)
        else { return nil }
        self.text = text
    }

    /// It is shown nowhere.
    package var description: String { "a password's hash" }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private static func isSymbol(_ byte: UInt8) -> Bool {
        switch byte {
        case digits, UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "."), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

/// A password that may be set.
package struct Password: Sendable, CustomStringConvertible {
    /// Bytes; bcrypt looks at no more.
    private static let lengths = 8...72

    let bytes: [UInt8]

    /// - Throws: `UserFault` if it is too short or too long to be one.
    package init(_ text: String) throws(UserFault) {
        bytes = Array(text.utf8)
        guard Self.lengths.contains(bytes.count) else {
            throw UserFault("a password must have \(Self.lengths.lowerBound) to \(Self.lengths.upperBound) bytes")
        }
        guard Self.canBeMeasured(bytes) else { throw UserFault("a password must not contain the character NUL") }
    }

    /// bcrypt takes what is longer, or has a NUL, for a shorter one.
    static func canBeMeasured(_ bytes: [UInt8]) -> Bool { bytes.count <= lengths.upperBound && !bytes.contains(0) }

    /// It is shown nowhere.
    package var description: String { "a password" }
}
