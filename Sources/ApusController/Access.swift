/// Who callers are, as they show it.
package struct Access: Sendable {
    /// Everybody is root: for loopback only.
    package static let open = Access()

    /// Who sent a call.
    ///
    /// - Throws: `AccessRefusal` if nobody can be told from what was shown.
    func principal(of call: APICall) async throws(AccessRefusal) -> Principal { .implicit }

    /// Whether it may call a route; where nobody has to say who they are, nodes need not either.
    func admits(_ principal: Principal, to need: Need) -> Bool {
        principal == .implicit && need != .instances || principal.role.covers(need)
    }
}

/// Why a caller is turned away before the call is looked at.
enum AccessRefusal: Error {
    /// Nobody, or nobody known: 401.
    case unknown
    /// Too many wrong passwords from there: 429, with the seconds to wait.
    case tooManyFailures(seconds: Int)
}
