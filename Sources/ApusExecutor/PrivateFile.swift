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

extension JSON {
    /// The same in JSON; an alias is what it stands for.
    fileprivate init(yaml node: Node) throws(JSONError) {
        switch node {
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                guard let name = key.string else { throw JSONError("a key must be a string") }
                members.append(Member(name, try JSON(yaml: value)))
            }
            self = .object(members)
        case .sequence(let sequence):
            var elements: [JSON] = []
            for element in sequence { elements.append(try JSON(yaml: element)) }
            self = .array(elements)
        case .scalar(let scalar):
            // What is quoted is a string whatever it looks like.
            guard scalar.style == .plain || scalar.style == .any else {
                self = .string(scalar.string)
                return
            }
            if let flag = Bool.construct(from: scalar) {
                self = .bool(flag)
            } else if let number = Int64(scalar.string) {
                self = .integer(number)
            } else if ["", "~", "null"].contains(scalar.string) {
                self = .null
            } else {
                self = .string(scalar.string)
            }
        case .alias(let alias): throw JSONError("alias \(alias.anchor) is not known")
        }
    }
}
