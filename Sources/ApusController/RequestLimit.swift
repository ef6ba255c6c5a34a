import Synchronization

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
