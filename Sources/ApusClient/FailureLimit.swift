package import ApusModel

/// Counts failed attempts to be let in, by where they came from: whoever fails too often has to wait.
package struct FailureLimit: Sendable {
    /// So many are looked at within the window.
    package static let most = 10
    package static let window = Duration.seconds(60)
    /// Of the sources that are remembered; the one that failed first is forgotten for another.
    package static let mostSources = 4096

    private struct Entry {
        /// Of its first failure in this window.
        var since: Moment
        var count: Int
    }

    private var entries: [String: Entry] = [:]

    package init() {}

    /// How long a source must wait; `nil` if it need not.
    package func wait(of source: String, at now: Moment) -> Duration? {
        guard let entry = entries[source], entry.count >= Self.most else { return nil }
        let left = entry.since + Self.window - now
        return left > .zero ? left : nil
    }

    /// A source has failed.
    ///
    /// - Returns: how often it has in this window.
    package mutating func fail(_ source: String, at now: Moment) -> Int {
        if let entry = entries[source], entry.since + Self.window > now {
            entries[source]?.count += 1
            return entry.count + 1
        }
        if entries[source] == nil, entries.count >= Self.mostSources { forget() }
        entries[source] = Entry(since: now, count: 1)
        return 1
    }

    private mutating func forget() {
        guard let oldest = entries.min(by: { $0.value.since < $1.value.since })?.key else { return }
        entries[oldest] = nil
    }
}
