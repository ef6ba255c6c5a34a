import ApusModel

/// Applications and their instances (contract §1.1), endpoints (§1.5).
extension OpenAPI {
    static let applications: [RouteDescription] = [
        RouteDescription("GET ping", "Whether this controller leads", .data(.choice(["pong"]))),
        RouteDescription(
            "POST applications/operations",
            "Asks for a change of an application",
            body: .applicationOperation,
            example: OpenAPIExample.applicationOperation,
            .data(.object(["appId": .appID]))
        ),
        RouteDescription(
            "POST operations",
            "The same, by an older name",
            body: .applicationOperation,
            example: OpenAPIExample.applicationOperation,
            .data(.object(["appId": .appID]))
        ),
        RouteDescription(
            "POST applications/operations/{id}/cancel",
            "Ends the operation under way",
            path: [.appID],
            .nothing
        ),
        RouteDescription("POST operations/{id}/cancel", "The same, by an older name", path: [.appID], .nothing),
        RouteDescription(
            "POST applications/validate/spec",
            "Checks a specification; nothing is changed",
            body: .applicationSpec,
            example: OpenAPIExample.applicationSpec.json,
            .data(.object(["valid": .flag]))
        ),
        RouteDescription(
            "POST applications/placementpolicy/rule/dryrun",
            "Tries a placement rule on facts given with it",
            body: .ruleDryRun,
            example: OpenAPIExample.ruleDryRun,
            .data(.ruleOutcome)
        ),
        RouteDescription(
            "GET applications",
            "All applications by id",
            parameters: .page,
            .data(.map(.appSummary))
        ),
        RouteDescription("GET applications/{id}", "One application", path: [.appID], .found(.appSummary)),
        RouteDescription(
            "GET applications/{id}/spec",
            "Its specification, without secrets",
            path: [.appID],
            .found(.applicationSpec)
        ),
        RouteDescription(
            "GET applications/{id}/explain",
            "Why it has no more instances",
            path: [.appID],
            parameters: .executors,
            .found(.explanation(of: ["appId": .appID]))
        ),
        RouteDescription(
            "GET applications/{id}/instances",
            "Its instances, the oldest first",
            path: [.appID],
            parameters: .states,
            .data(.list(.instanceInfo))
        ),
        RouteDescription(
            "GET applications/{id}/instances/old",
            "Its ended instances, those that ended last first",
            path: [.appID],
            parameters: [.init(name: "start", schema: .count, description: "How many to leave out"), .size],
            .data(.list(.instanceInfo))
        ),
        RouteDescription(
            "GET applications/{id}/instances/{instance}",
            "One instance in any state",
            path: [.appID, .instanceID],
            .found(.instanceInfo)
        ),

        RouteDescription(
            "GET endpoints",
            "The exposed applications and where their healthy instances are",
            parameters: [.init(name: "app", schema: .list(.text), description: "Names that are wanted; all if none")],
            .data(.list(.endpoint))
        ),
        RouteDescription(
            "GET endpoints/app/{name}",
            "The same of one name",
            path: [.sourceName],
            .data(.list(.endpoint))
        ),
    ]
}
