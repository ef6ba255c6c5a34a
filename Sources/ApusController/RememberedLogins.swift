import ApusModel
import OrderedCollections

/// Logins that were right a short time ago, each by a keyed digest of all that made it right.
struct RememberedLogins: Sendable {
    static let most = 500
    static let span: Duration = .seconds(60)

    /// Until when; those that end first come first.
    private var ends: OrderedDictionary<[UInt8], Moment> = [:]

    func contains(_ digest: [UInt8], at now: Moment) -> Bool { ends[digest].map { now < $0 } ?? false }

    mutating func insert(_ digest: [UInt8], at now: Moment) {
        ends.removeValue(forKey: digest)
        if ends.count >= Self.most { ends.removeFirst() }
        ends[digest] = now + Self.span
    }
}
