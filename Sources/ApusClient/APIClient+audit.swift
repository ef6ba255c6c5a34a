package import ApusModel

/// A record of the audit log as the API gives it.
package struct AuditSummary: Sendable {
    package var sequence: Int64
    package var time: WallTime
    /// The name of whoever did it; empty if nobody knows.
    package var actor: String
    /// The address it came from; `nil` of what the controller decided.
    package var source: String?
    package var action: String
    package var subject: String
    package var outcome: String
    /// Why it was refused, denied or decided; empty if nothing is said.
    package var cause: String
    /// What it is a step of, `SCALE of web-1 by alice` say; `nil` of what is none.
    package var operation: String?
    /// All of it.
    package var json: JSON

    init(json: JSON) throws(JSONError) {
        self.json = json
        sequence = try json.integer("sequence")
        time = WallTime(milliseconds: try json.integer("time"))
        let actor = try json.required("actor")
        self.actor = try actor.string("name")
        source = actor["source"]?.text
        action = try json.string("action")
        subject = try json.required("subject").string("id")
        outcome = try json.string("outcome")
        cause = (json["reason"] ?? json["cause"])?.text ?? ""
        if let operation = json["operation"] {
            let by = operation["askedBy"]?.text.map { " by \($0)" } ?? ""
            self.operation = "\(try operation.string("type")) of \(try operation.string("subject"))\(by)"
        }
    }
}

/// Some records of the audit log, the newest first.
package struct AuditAnswer: Sendable {
    package var records: [AuditSummary]
    /// Where to go on to older ones; `nil` if there are none.
    package var next: Int64?
    /// The sequence of the last record that there is.
    package var last: Int64
    /// With these as `after` all that comes from then on is found, late or not.
    package var ends: [Int64]

    package init(json: JSON) throws(JSONError) {
        records = try json.array("records").map { json throws(JSONError) in try AuditSummary(json: json) }
        if json["next"] != nil { next = try json.integer("next") }
        last = try json.integer("last")
        // A controller of an earlier version tells of nothing that comes late.
        ends = json["ends"] == nil ? [last] : try json.integers("ends").map { Int64($0) }
    }
}

extension APIClient {
    /// One page of the audit log; `query` is that of the API.
    package func audit(_ query: [(name: String, value: String)]) async throws -> AuditAnswer {
        let parts = query.map { "\(HTTPCall.encoded($0.name))=\(HTTPCall.encoded($0.value))" }
        let path = "cluster/audit" + (parts.isEmpty ? "" : "?\(parts.joined(separator: "&"))")
        let data = try await get(path)
        return try read(path) { try AuditAnswer(json: data) }
    }
}
