package import ApusModel
import Yams

/// YAML as JSON, by the core schema of YAML 1.2: `yes`, `on` and `010` are strings.
extension JSON {
    /// So many values are read of one text: aliases within aliases may stand for any number.
    private static let mostYAMLValues = 1 << 18

    /// The documents of a YAML text; an empty one is `null`.
    ///
    /// - Throws: `JSONError` with the place of the fault.
    package static func documents(yaml text: String) throws(JSONError) -> [JSON] {
        var documents: [JSON] = []
        do {
            let parser = try Yams.Parser(yaml: text)
            while let node = try parser.nextRoot() { documents.append(try JSON(yaml: node)) }
        } catch {
            throw error as? JSONError ?? JSONError("\(error)")
        }
        return documents
    }

    /// The same in JSON; an alias is what it stands for.
    init(yaml node: Node) throws(JSONError) {
        var left = Self.mostYAMLValues
        self = try Self.value(of: node, depth: 0, left: &left)
    }

    private static func value(of node: Node, depth: Int, left: inout Int) throws(JSONError) -> JSON {
        left -= 1
        guard left > 0 else { throw JSONError("it has more than \(mostYAMLValues) values, aliases included") }
        guard depth < deepest else { throw JSONError("nested deeper than \(deepest) levels") }
        switch node {
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                guard let name = key.string else { throw JSONError("a key must be a string") }
                guard name != "<<" else {
                    throw JSONError("<< is not read: write the members out, or give the whole value an alias")
                }
                members.append(Member(name, try self.value(of: value, depth: depth + 1, left: &left)))
            }
            return .object(members)
        case .sequence(let sequence):
            var elements: [JSON] = []
            for element in sequence { elements.append(try value(of: element, depth: depth + 1, left: &left)) }
            return .array(elements)
        case .scalar(let scalar): return value(of: scalar)
        case .alias(let alias): throw JSONError("alias \(alias.anchor) is not known")
        }
    }

    private static func value(of scalar: Node.Scalar) -> JSON {
        // What is quoted is a string whatever it looks like.
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            guard let number = Int64(scalar.string), "\(number)" == scalar.string else { return .string(scalar.string) }
            return .integer(number)
        }
    }
}
