import ApusController
import ApusModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A time as log lines begin with it: always as long, so that texts compare as times.
struct LogTime: Hashable, Comparable, Sendable {
    /// As of `2026-11-21T03:13:58.266176615Z`.
    private static let length = 30

    let text: String

    /// Reads what `--since` says, `10m` by this machine's clock.
    ///
    /// - Throws: `ValidationError` if it is neither an age nor a time.
    init(since text: String) throws {
        let formats = [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)]
        for format in formats {
            do {
                self.init(milliseconds: Int64(try format.parse(text).timeIntervalSince1970 * 1_000))
                return
            } catch {
                // The other format, or an age.
            }
        }
        do {
            let age = try DurationText(parsing: text).duration.milliseconds
            self.init(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000) - age)
        } catch {
            throw ValidationError(
                "--since \(text) is neither an age, as 90s, 5m or 1h, nor a time, as 2026-11-21T03:13:58Z"
            )
        }
    }

    private init(milliseconds: Int64) {
        let time = max(0, milliseconds)
        let fraction = String(time % 1_000 + 1_000).dropFirst()
        text = "\(WallTime(milliseconds: time).utc.dropLast()).\(fraction)000000Z"
    }

    /// That of a line; `nil` if it does not begin with one.
    init?(of line: Substring) {
        let head = line.utf8.prefix(Self.length)
        guard head.count == Self.length, head.last == UInt8(ascii: "Z"), let text = String(head) else { return nil }
        self.text = text
    }

    static func < (left: LogTime, right: LogTime) -> Bool { left.text < right.text }
}

/// Which of the last lines are shown first.
struct LogRange: Hashable, Sendable {
    var count: Int
    /// `nil`: however old they are.
    var since: LogTime?

    /// Neither the line nor those before it are wanted.
    func excludes(_ line: Substring) -> Bool {
        guard let since, let time = LogTime(of: line) else { return false }
        return time < since
    }

    /// Of lines in their order.
    func wanted(_ lines: [Substring]) -> [Substring] {
        lines.filter { !excludes($0) }.suffix(count)
    }
}
