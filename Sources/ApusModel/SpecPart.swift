/// A part of what a user sends: read from JSON with every violation collected.
package protocol SpecPart: Hashable, Sendable {
    /// Reads the part whole; what is wrong is told to the reader, and a placeholder stands in its stead.
    init(_ reader: SpecReader)
    /// The form on the wire: absent properties left out, empty lists and maps kept.
    var json: JSON { get }
}

extension SpecPart {
    /// Reads what a user sent and checks every rule.
    ///
    /// `prefix` stands before each property path, `spec.` say.
    package static func validated(_ json: JSON, prefix: String = "") -> Result<Self, SpecRefusal> {
        guard json != .null else { return .failure(.violations(["The request body must not be null"])) }
        let findings = SpecFindings(checksRules: true)
        let part = Self(SpecReader(json, path: prefix, findings: findings))
        if let refusal = findings.refusal { return .failure(refusal) }
        return .success(part)
    }

    /// Reads what Apus itself wrote: it must be complete, but rules are not checked again, so that a record stays
    /// readable when a later version has stricter ones.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        let findings = SpecFindings(checksRules: false)
        self.init(SpecReader(json, path: "", findings: findings))
        if let error = findings.refusal?.errors.first { throw JSONError(error) }
    }
}
