/// What operators want of an executor; committed, so that it survives restarts of either side.
package enum Duty: String, Hashable, Sendable, CaseIterable {
    /// It takes work.
    case active = "ACTIVE"
    /// Its applications' instances move elsewhere, replacement first; tasks run to their ends.
    case blacklistRequested = "BLACKLIST_REQUESTED"
    /// No application's instance is left there.
    case blacklisted = "BLACKLISTED"
    /// The same by another name, until an operator resumes it.
    case suspended = "SUSPENDED"
    /// Everything there is stopped now.
    case suspendedAtOnce = "SUSPENDED_AT_ONCE"
    /// Drained, then forgotten.
    case retiring = "RETIRING"

    /// What runs there is to be elsewhere; nothing new is placed there.
    package var isLeaving: Bool { self != .active }
}
