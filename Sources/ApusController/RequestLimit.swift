import Synchronization

/// The requests of an API, and those among them that containers send: these are anybody's programs, and whatever they
/// send, others are answered.
struct RequestLimits: Sendable {
    /// Instances take one of so many places.
    static let partOfInstances = 4

    let all: RequestLimit
    let ofInstances: RequestLimit

    init(_ most: Int) {
        all = RequestLimit(most)
        ofInstances = RequestLimit(max(1, most / Self.partOfInstances))
    }
}

/// How many requests are taken in and answered at once.
final class RequestLimit: Sendable {
    let most: Int
    private let count = Mutex(0)

    init(_ most: Int) { self.most = most }

    /// False if there are as many as there may be; else `end` follows.
    func begin() -> Bool {
        count.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
    }

    func end() { count.withLock { $0 -= 1 } }
}
