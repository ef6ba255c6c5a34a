/// Why a specification or an operation was not taken: what a 400 answer tells its sender (contract §0.3).
package enum SpecRefusal: Error, Hashable, Sendable {
    /// A value of the wrong type, an unknown type id, a bad enum value or duration: one error, the first.
    case unreadable(String)
    /// Everything that breaks a rule, in the order of the fields; rules across fields come last.
    case violations([String])

    /// The envelope's `message`.
    package var message: String {
        switch self {
        case .unreadable: "JSON validation failure"
        case .violations: "Command validation failure"
        }
    }

    /// The envelope's `validationErrors`.
    package var errors: [String] {
        switch self {
        case .unreadable(let error): [error]
        case .violations(let errors): errors
        }
    }
}
