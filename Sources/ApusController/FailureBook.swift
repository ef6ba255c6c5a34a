package import ApusModel
import OrderedCollections

/// How often each address has shown wrong credentials lately.
package struct FailureBook: Sendable {
    /// Failures of one address within the window.
    package static let most = 10
    package static let window: Duration = .seconds(60)
    /// The one that began first is forgotten for the next.
    package static let mostSources = 4096

    private struct Failures {
        var since: Moment
        var count = 0
    }

    /// Those whose window began first come first.
    private var sources: OrderedDictionary<String, Failures> = [:]

    package init() {}

    /// - Returns: whether this was the one too many.
    package mutating func count(_ source: String, at now: Moment) -> Bool {
        if let known = sources[source], now - known.since >= Self.window { sources.removeValue(forKey: source) }
        if sources[source] == nil, sources.count >= Self.mostSources { sources.removeFirst() }
        sources[source, default: Failures(since: now)].count += 1
        return sources[source]?.count == Self.most
    }

    /// Seconds until passwords from there are looked at again; `nil` if they are now.
    package func wait(of source: String, at now: Moment) -> Int? {
        guard let known = sources[source], known.count >= Self.most else { return nil }
        let left = Self.window - (now - known.since)
        return left > .zero ? Int((left + .milliseconds(999)).components.seconds) : nil
    }
}
