package import ApusModel

/// In which fields one specification differs from another.
package enum SpecDifference {
    /// One field that is not the same; absent on a side where it is `nil`.
    package struct Field: Hashable, Sendable {
        /// `env.GREETING`, or `exposedPorts[0].port`.
        package var path: String
        package var old: JSON?
        package var new: JSON?

        /// A longer value is cut.
        private static let longest = 80

        /// For people: `env.GREETING: "hello" -> "hallo"`.
        package var text: String {
            switch (old, new) {
            case (nil, let new): "\(path): \(Self.text(new)) is new"
            case (let old, nil): "\(path): \(Self.text(old)) is gone"
            case (let old, let new): "\(path): \(Self.text(old)) -> \(Self.text(new))"
            }
        }

        private static func text(_ json: JSON?) -> String {
            let text = json?.serialized ?? ""
            return text.count > longest ? "\(text.prefix(longest))…" : text
        }
    }

    /// Every field that differs, in the order of the new one; what only the old one has comes last of its object.
    ///
    /// Give it masked specifications: what it finds is shown.
    package static func fields(from old: JSON, to new: JSON) -> [Field] {
        var found: [Field] = []
        compare(old, new, at: "", &found)
        return found
    }

    private static func compare(_ old: JSON?, _ new: JSON?, at path: String, _ found: inout [Field]) {
        guard old != new else { return }
        switch (old, new) {
        case (.object(let before)?, .object(let after)?):
            let keys = after.map(\.key) + before.map(\.key).filter { key in !after.contains { $0.key == key } }
            for key in keys { compare(old?[key], new?[key], at: path.isEmpty ? key : "\(path).\(key)", &found) }
        case (.array(let before)?, .array(let after)?):
            for index in 0..<max(before.count, after.count) {
                let (left, right) = (before.dropFirst(index).first, after.dropFirst(index).first)
                compare(left, right, at: "\(path)[\(index)]", &found)
            }
        default: found.append(Field(path: path, old: old, new: new))
        }
    }
}
