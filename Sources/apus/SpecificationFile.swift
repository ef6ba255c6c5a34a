import ApusModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A specification that a user names: a file, or standard input.
struct SpecificationFile {
    /// `-` stands for standard input.
    let path: String

    /// For texts.
    var name: String { path == "-" ? "standard input" : path }

    /// Reads it whole.
    ///
    /// - Throws: `CommandFailure` that says what is wrong with it.
    func json() throws -> JSON {
        let bytes: Data
        do {
            bytes = path == "-" ? Self.standardInput() : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(.other, "\(path) cannot be read. Does it exist, and may you read it?")
        }
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw CommandFailure(.other, "\(name) is not JSON: \(error)")
        }
    }

    /// The specification that it holds.
    ///
    /// - Throws: `CommandFailure` with every fault of it.
    func valid<Spec: SpecPart>(_ json: JSON) throws -> Spec {
        switch Spec.validated(json) {
        case .success(let value): return value
        case .failure(let refusal):
            throw CommandFailure(
                .other,
                "\(name) is not a valid specification:\n  \(refusal.errors.joined(separator: "\n  "))"
            )
        }
    }

    private static func standardInput() -> Data {
        var text = ""
        while let line = readLine(strippingNewline: false) { text += line }
        return Data(text.utf8)
    }
}
