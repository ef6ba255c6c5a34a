package import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Counts failed attempts to be let in, by where they came from: whoever fails too often has to wait.
package struct FailureLimit: Sendable {
    /// So many are looked at within the window.
    package static let most = 10
    package static let window = Duration.seconds(60)
    /// Of the sources that are remembered; one that may go on is forgotten for another, and of those who failed first.
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
        guard let entry = entries[Self.network(of: source)], entry.count >= Self.most else { return nil }
        let left = entry.since + Self.window - now
        return left > .zero ? left : nil
    }

    /// A source has failed.
    ///
    /// - Returns: how often it has in this window.
    package mutating func fail(_ source: String, at now: Moment) -> Int {
        let source = Self.network(of: source)
        if let entry = entries[source], entry.since + Self.window > now {
            entries[source]?.count += 1
            return entry.count + 1
        }
        if entries[source] == nil, entries.count >= Self.mostSources { forget() }
        entries[source] = Entry(since: now, count: 1)
        return 1
    }

    private mutating func forget() {
        func rank(_ entry: Entry) -> (Int, Moment) { (entry.count < Self.most ? 0 : 1, entry.since) }
        guard let oldest = entries.min(by: { rank($0.value) < rank($1.value) })?.key else { return }
        entries[oldest] = nil
    }

    /// An address of IPv6 counts as all that its owner has, the 64 bits of its network.
    private static func network(of source: String) -> String {
        guard source.contains(":"), !source.contains(".") else { return source }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, String(source.prefix { $0 != "%" }), &bytes) == 1 else { return source }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }
}
