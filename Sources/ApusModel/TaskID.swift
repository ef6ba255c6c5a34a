/// The name of a task: unique for as long as its record is kept.
package struct TaskID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The name of the application that it was made for; that one need not exist.
    package var source: String
    package var name: String

    package init(source: String, name: String) {
        self.source = source
        self.name = name
    }

    /// Reads the form of `rawValue`; `nil` if it is none.
    package init?(rawValue: String) {
        let parts = rawValue.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(source: String(parts[0]), name: String(parts[1]))
    }

    /// `<source>/<name>`: a slash stands in neither, so no two tasks share it.
    package var rawValue: String { "\(source)/\(name)" }
    package var description: String { rawValue }
    /// `<source>-<name>`, as Drove's answers name it.
    package var runID: String { "\(source)-\(name)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.source, left.name) < (right.source, right.name)
    }
}
