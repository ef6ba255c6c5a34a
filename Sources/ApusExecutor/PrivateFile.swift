package import ApusClient
package import ApusModel
import Yams

/// A file of settings that only the machine's administrator may have written, in YAML or JSON.
package enum PrivateFile {
    /// What it says; `nil` if there is no such file.
    ///
    /// It must be a plain file of root or of the user that runs Apus, and so must be the folder that it is in; blocks.
    ///
    /// - Throws: `ExecutorError` with what is wrong and what to do.
    package static func read(_ path: String, _ protection: SmallFile.Protection) throws(ExecutorError) -> JSON? {
        let file: SmallFile?
        do throws(SmallFile.Trouble) {
            file = try SmallFile(at: path, protection)
        } catch {
            throw ExecutorError("\(error)")
        }
        guard let file else { return nil }
        return try parse(file.bytes, path, protection)
    }

    private static func parse(_ bytes: [UInt8], _ path: String, _ protection: SmallFile.Protection)
        throws(ExecutorError) -> JSON
    {
        do {
            guard let node = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)) else { return .object([]) }
            return try JSON(yaml: node)
        } catch {
            // What the parser shows of the place may be a password.
            guard protection != .ownersToRead else { throw ExecutorError("\(path) is neither YAML nor JSON") }
            throw ExecutorError("\(path) is neither YAML nor JSON: \(error)")
        }
    }
}
