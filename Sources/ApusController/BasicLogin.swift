import ApusModel

/// A name and a password as HTTP's basic authentication carries them (RFC 7617).
package struct BasicLogin: Sendable {
    /// Of the encoded text; no name and password that can be right are longer.
    private static let longest = 512

    package let name: String
    let password: [UInt8]

    /// `nil` if the value of `Authorization` is none.
    package init?(header: String) {
        let words = header.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "basic", words[1].utf8.count <= Self.longest,
            let bytes = Base64.decoded(String(words[1])), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let name = String(validating: bytes[..<colon], as: UTF8.self)
        else { return nil }
        self.name = name
        password = Array(bytes[(colon + 1)...])
    }
}
