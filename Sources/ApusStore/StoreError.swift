package import ApusModel

/// Why the store, or its directory, did not do what was asked.
package enum StoreError: Error, Hashable, Sendable {
    /// Another leader raised the epoch; whoever still has the old one must step down.
    case fenced(by: Epoch)
    /// Over a limit that holds in every store. Sizes are bytes.
    case tooLarge(what: String, size: Int, limit: Int)
    /// The store did not answer, or not in time. Whether a commit took place is unknown.
    case unavailable(reason: String)
    /// The store answers, and does not let this controller use it; only a person can change that.
    case refused(reason: String)
    /// What was stored cannot be read; only a person can decide what to do.
    case corrupt(reason: String)
    /// Another process has the state directory; `pid` is the one it wrote down, if it could be read.
    case locked(path: String, pid: Int32?)
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fenced(let epoch):
            "another leader has taken over with epoch \(epoch); nothing was stored"
        case .tooLarge(let what, let size, let limit):
            "the \(what) has \(size) bytes, the store takes at most \(limit); nothing was stored"
        case .unavailable(let reason):
            "the store is not available: \(reason)"
        case .refused(let reason):
            "the store is not to be used by this controller: \(reason)"
        case .corrupt(let reason):
            "the store cannot be read: \(reason)"
        case .locked(let path, let pid):
            "the state directory \(path) is in use by \(pid.map { "process \($0)" } ?? "another process"); "
                + "stop it, or choose another directory with --state"
        }
    }
}
