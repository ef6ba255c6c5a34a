#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where a node of this user keeps its state.
enum StatePath {
    /// The path given, or the one of that name where the XDG specification says.
    static func resolved(_ given: String?, for name: String) throws -> String {
        if let given { return given }
        let environment = ProcessInfo.processInfo.environment
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return "\(data)/\(name)" }
        guard let home = environment["HOME"], !home.isEmpty else {
            throw CommandFailure(.other, "Neither XDG_DATA_HOME nor HOME is set: say where to keep state with --state")
        }
        return "\(home)/.local/share/\(name)"
    }
}
