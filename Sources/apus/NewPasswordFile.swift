import ApusController

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where a user's new password stands: one line of a file, or of standard input.
struct NewPasswordFile {
    /// `-` stands for standard input.
    let path: String

    /// - Throws: `CommandFailure` if there is no password that may be set.
    func password() throws -> Password {
        let name = path == "-" ? "standard input" : path
        let lines = try text().split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard let line = lines.first, lines.dropFirst().allSatisfy(\.isEmpty) else {
            throw CommandFailure(.other, "\(name) must hold one line, the password")
        }
        do throws(UserFault) {
            return try Password(String(line))
        } catch {
            throw CommandFailure(.other, "\(name): \(error)")
        }
    }

    private func text() throws -> String {
        guard path != "-" else { return Terminal.secretLine("The new password:") }
        do {
            return String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        } catch {
            throw CommandFailure(.other, "\(path) cannot be read. Does it exist, and may you read it?")
        }
    }
}
