package import ApusModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension WallTime {
    /// For people: `2026-11-21T03:13:58Z`.
    package var utc: String {
        var (seconds, parts) = (time_t(milliseconds / 1_000), tm())
        guard gmtime_r(&seconds, &parts) != nil else { return "\(milliseconds) ms of 1970" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(Int(parts.tm_year) + 1_900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
