package import ApusModel

/// A record of the audit log as controllers hand it to each other.
package struct AuditRecord: Hashable, Sendable {
    private static let mostIDs = 64

    /// Its place in the log, the same in that of each controller; `nil` while only one has noted it that did not lead.
    package var sequence: Int64?
    /// The log that noted it without leading, and its number there, by which it comes into the log of all once; `nil` of
    /// what a leader noted.
    package var origin: String?
    /// By what it is found: its subject, and whom it concerns beside that.
    package var ids: [String]
    /// As the API gives it, but for its sequence.
    package var body: JSON

    init(sequence: Int64?, origin: String?, ids: [String], body: JSON) {
        self.sequence = sequence
        self.origin = origin
        self.ids = ids
        self.body = body
    }

    init(_ entry: AuditEntry) {
        let ids = [entry.subject.id] + entry.related.map(AuditEntry.name)
        self.init(sequence: nil, origin: nil, ids: ids, body: entry.json)
    }

    /// As controllers send it.
    package var json: JSON {
        .members([
            "sequence": sequence.map { .integer($0) }, "origin": origin.map { .string($0) },
            "ids": .array(ids.map { .string($0) }), "body": body,
        ])
    }

    /// - Throws: `JSONError` if it is none.
    package init(json: JSON) throws(JSONError) {
        if json["sequence"] != nil {
            let number = try json.integer("sequence")
            guard AuditSequence.epoch(of: number) > 0 else { throw JSONError("\(number) is no sequence of a leader's") }
            sequence = number
        }
        origin = try json["origin"].map { _ throws(JSONError) in AuditEntry.name(try json.string("origin")) }
        guard sequence != nil || origin != nil else { throw JSONError("a record has neither sequence nor origin") }
        ids = try json.strings("ids").prefix(Self.mostIDs).map(AuditEntry.name)
        body = try json.required("body")
        guard body["sequence"] == nil else { throw JSONError("a record's body has a sequence") }
        _ = (try time, try actor, try action)
    }

    // MARK: what it is found by

    var time: Int64 { get throws(JSONError) { try body.integer("time") } }
    var actor: String { get throws(JSONError) { try body.required("actor").string("name") } }
    var action: String { get throws(JSONError) { try body.string("action") } }
    var source: String? { body["actor"]?["source"]?.text }
}

/// How sequences are given where there are several controllers: each leadership has its own, so that no two controllers
/// give the same one, and whatever an earlier leader noted stands before what a later one notes.
///
/// Below those of the first leadership are those of a controller that is alone.
package enum AuditSequence {
    private static let bits: Int64 = 32

    /// No controller that is alone gives a greater one.
    static let lastAlone: Int64 = (1 << bits) - 1

    /// That of the leader that gave a sequence; 0 of a controller that is alone.
    package static func epoch(of sequence: Int64) -> Epoch { sequence >> bits }

    /// No sequence of the same leader is less.
    package static func begin(of sequence: Int64) -> Int64 { epoch(of: sequence) << bits }

    /// What a leader may give; `nil` of one that is beyond all numbers.
    static func all(of epoch: Epoch) -> ClosedRange<Int64>? {
        guard (1...Epochs.last).contains(epoch) else { return nil }
        let base = epoch << bits
        return (base + 1)...(base + 0xffff_ffff)
    }
}

/// Whose sequences the entries of a controller get.
package enum AuditPlace: Hashable, Sendable {
    /// There is no other controller.
    case alone
    /// Those of its own leadership.
    case leading(Epoch)
    /// None before a leader takes them; but what is left of the leadership that it had itself stands there.
    case standingBy(after: Epoch?)

    /// The leadership that it has, or had last.
    var epoch: Epoch? {
        switch self {
        case .alone: nil
        case .leading(let epoch): epoch
        case .standingBy(let epoch): epoch
        }
    }
}
