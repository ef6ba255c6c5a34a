import ApusModel

/// An event as one controller tells it to another.
struct ToldEvent: Sendable {
    /// Beyond what any log holds.
    private static let longestAge: Int64 = 86_400_000
    private static let latest: Int64 = 1 << 53

    let position: EventPosition
    /// What was directly before it in another leadership, if that is known.
    let previous: EventPosition?
    /// How long ago it was told.
    let age: Duration
    /// As the API lists it.
    let event: JSON

    init(_ entry: EventHistory.Entry, at now: Moment) throws(JSONError) {
        (position, previous, age) = (entry.position, entry.previous, now - entry.recorded)
        event = try entry.json()
    }

    var json: JSON {
        .members([
            "id": .string("\(position)"), "previous": previous.map { .string("\($0)") },
            "age": .integer(age.milliseconds), "event": event,
        ])
    }

    /// - Throws: `JSONError` if it is none.
    init(json: JSON) throws(JSONError) {
        position = try EventPosition(json: json.required("id"))
        previous = try json["previous"].map { json throws(JSONError) in try EventPosition(json: json) }
        age = .milliseconds(min(max(0, try json.integer("age")), Self.longestAge))
        event = try json.required("event")
        guard (0...Self.latest).contains(try event.integer("time")) else { throw JSONError("an event has no time") }
    }

    /// As it is held; `nil` of a type that a later version has.
    func entry(at now: Moment) throws(JSONError) -> EventHistory.Entry? {
        guard let kind = ClusterEvent.Kind(rawValue: try event.string("type")) else { return nil }
        let (time, told) = (try event.integer("time"), now + (.zero - age))
        return EventHistory.Entry(kind, at: position, behind: previous, time, recorded: told, event)
    }
}

extension EventPosition {
    /// - Throws: `JSONError` if it is none.
    init(json: JSON) throws(JSONError) {
        guard let position = json.text.flatMap({ EventPosition($0) }) else {
            throw JSONError("\(json) is no event's id")
        }
        self = position
    }
}
