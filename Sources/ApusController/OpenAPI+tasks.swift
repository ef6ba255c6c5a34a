import ApusModel

/// Tasks (contract §1.3), and log files of all that runs (§1.7).
extension OpenAPI {
    static let tasks: [RouteDescription] = [
        RouteDescription(
            "POST tasks/operations",
            "Creates a task, or kills one",
            body: .taskOperation,
            example: OpenAPIExample.taskOperation,
            .data(.object(["taskId": .text]))
        ),
        RouteDescription(
            "POST tasks/validate/spec",
            "Checks a specification; nothing is changed",
            body: .taskSpec,
            example: OpenAPIExample.taskSpec.json,
            .nothing
        ),
        RouteDescription("POST tasks/search", "From the form of a page to a task", body: .taskSearch, .redirection),
        RouteDescription("GET tasks", "The active tasks, the oldest first", .data(.list(.taskInfo))),
        RouteDescription(
            "GET tasks/{source}/instances/{task}",
            "One task in any state",
            path: [.sourceName, .taskName],
            .found(.taskInfo)
        ),
        RouteDescription(
            "GET tasks/{source}/instances/{task}/explain",
            "Why it has no place",
            path: [.sourceName, .taskName],
            parameters: .executors,
            .found(.explanation(of: ["sourceAppName": .sourceName, "taskId": .taskName]))
        ),
        RouteDescription(
            "DELETE tasks/{source}/instances/{task}",
            "Forgets an ended task",
            path: [.sourceName, .taskName],
            .found(.object(["deleted": .flag]))
        ),
    ]

    // MARK: log files

    static let logs: [RouteDescription] = [
        RouteDescription(
            "GET logfiles/{kind}/{owner}/{id}/list",
            "The log files of an instance or a task",
            path: place,
            .logs(.logFiles)
        ),
        RouteDescription(
            "GET logfiles/{kind}/{owner}/{id}/read/{file}",
            "A piece of a log file",
            path: place + [file],
            parameters: [
                .init(name: "offset", schema: .integer(-1...Int64(Int32.max)), description: "In bytes; -1 for the end"),
                .init(name: "length", schema: .integer(-1...Int64(Int32.max)), description: "In bytes; -1 for 32768"),
                .init(name: "wait", schema: .integer(0...60), description: "Seconds to wait for something new"),
            ],
            .logs(.logPiece)
        ),
        RouteDescription(
            "GET logfiles/{kind}/{owner}/{id}/download/{file}",
            "A whole log file",
            path: place + [file],
            parameters: [.init(name: "rename", schema: .flag, description: "Whether its name says whose and when")],
            .logs(nil)
        ),
    ]

    private static let place: [Schema] = [
        .choice(["applications", "localservices", "tasks"]),
        .named("LogOwner", .text(upTo: 4096).example("TEST_APP-1")),
        .instanceID,
    ]
    private static let file = Schema.named("LogFile", .text(upTo: 255).example("output.log"))
}
