/// Why a call of another node, or of the API, has no good answer.
package struct ClientError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    package enum Code: Hashable, Sendable {
        /// Nobody answers at that address, or the connection broke.
        case unreachable(String)
        /// None of several controllers leads, or can be reached.
        case leaderless
        /// Who answers there is not known to be the one that was meant.
        case untrusted(String)
        /// The request was understood and refused: every reason.
        case refused([String])
        /// What was asked about does not exist.
        case notFound
        /// Another status than a good one, with the text that came with it.
        case status(Int, String)
        /// No whole answer within the time; whether the request was carried out is unknown.
        case timedOut
        /// The answer is not what it must be.
        case unreadable
    }

    package var code: Code
    /// For people: what failed, and why.
    package var message: String
    /// The request surely reached nobody.
    package let isUnsent: Bool

    package init(_ code: Code, _ message: String) { self.init(code, message, isUnsent: false) }

    init(_ code: Code, _ message: String, isUnsent: Bool) {
        self.code = code
        self.message = message
        self.isUnsent = isUnsent
    }
}

extension ClientError: CustomStringConvertible {
    package var description: String { message }
}
