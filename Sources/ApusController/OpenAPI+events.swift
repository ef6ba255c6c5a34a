import ApusModel

/// What has happened (contract §1.4, §6).
extension OpenAPI {
    static let events: [RouteDescription] = [
        RouteDescription(
            "GET cluster/audit",
            "Who changed what, and what the controller decided by itself, the newest first",
            parameters: [
                .init(name: "from", schema: .integer(0...Int64.max), description: "Those from this sequence down"),
                .init(
                    name: "after",
                    schema: .list(.integer(0...Int64.max)),
                    description: "Those after this sequence; of several each is that of its leadership"
                ),
                .init(name: "since", schema: .integer(0...Int64.max), description: "Those from this time on"),
                .init(name: "until", schema: .integer(0...Int64.max), description: "Those up to this time"),
                .init(name: "actor", schema: .text, description: "Those of whoever has this name"),
                .init(name: "action", schema: .text, description: "Those of this action"),
                .init(name: "subject", schema: .text, description: "Those about this, and about its instances"),
                .init(name: "source", schema: .text, description: "Those from this address"),
                .init(name: "size", schema: .integer(1...1000), description: "How many at most; 100 unless it is said"),
            ],
            .data(.auditPage)
        ),
        RouteDescription(
            "GET cluster/events",
            "Events, the newest first",
            parameters: since,
            .data(.list(.event))
        ),
        RouteDescription(
            "GET cluster/events/latest",
            "Events, the newest first, and what to ask with next",
            parameters: since,
            .data(.events)
        ),
        RouteDescription(
            "GET cluster/events/summary",
            "How many there were of each type",
            parameters: [lastSyncTime],
            .data(.eventCounts)
        ),
        RouteDescription(
            "GET cluster/events/stream",
            "Events as they happen, as server-sent events",
            parameters: [
                .init(name: "type", schema: .list(.eventType), description: "Types that are wanted; all if none"),
                .init(name: "since", schema: .integer(0...Int64.max), description: "Begin with what is later"),
                .init(name: "from", schema: position, description: "Go on behind that event"),
                .init(
                    name: "timeout",
                    schema: .integer(0...3600),
                    description: "Seconds after which the stream ends; 3600 unless it is said"
                ),
                .init(
                    name: "Last-Event-ID",
                    place: "header",
                    schema: position,
                    description: "As from, before which it goes"
                ),
            ],
            .stream
        ),
    ]

    private static let position = Schema.text(like: "^[0-9]{1,18}-[0-9]{1,18}$").example("7-12")
    private static let lastSyncTime = RouteDescription.Parameter(
        name: "lastSyncTime",
        schema: .integer(0...Int64.max),
        description: "Only what is later"
    )
    private static let since = [
        lastSyncTime,
        RouteDescription.Parameter(
            name: "size",
            schema: .integer(0...Int64(Int32.max)),
            description: "How many at most; 1024 unless it is said"
        ),
    ]
}
