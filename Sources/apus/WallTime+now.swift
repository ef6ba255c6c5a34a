import ApusModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension WallTime {
    /// By this machine's clock.
    static var now: WallTime { WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
