import ApusModel

/// The cluster and its executors (contract §1.4), and what executors ask themselves (§1.9).
extension OpenAPI {
    static let cluster: [RouteDescription] =
        [
            RouteDescription("GET cluster", "The cluster in numbers", .data(.clusterSummary)),
            RouteDescription(
                "GET cluster/usage",
                "What executors and instances use just now",
                .data(.usage)
            ),
            RouteDescription("GET cluster/dashboard", "What a page shows of the whole cluster", .data(.dashboard)),
            RouteDescription(
                "GET cluster/executors",
                "All executors, those that were given up last",
                .data(.list(.executorSummary))
            ),
            RouteDescription(
                "GET cluster/executors/{id}",
                "One executor and what runs there",
                path: [.executorID],
                .found(.executorData)
            ),
            RouteDescription(
                "POST cluster/placement/simulate",
                "Where so many instances of a specification would go",
                parameters: [.init(name: "detail", schema: .flag, description: "Also each place")],
                body: .placementQuestion,
                example: OpenAPIExample.placementQuestion,
                .data(.simulation)
            ),
            RouteDescription(
                "GET cluster/placement/spread",
                "How applications are spread that do not say it themselves",
                .data(.defaultSpread)
            ),
            RouteDescription(
                "POST cluster/placement/spread",
                "Sets that",
                body: .defaultSpread,
                .data(.defaultSpread)
            ),
            RouteDescription("POST cluster/maintenance/set", "Begins maintenance", .data(.maintenance)),
            RouteDescription("POST cluster/maintenance/unset", "Ends maintenance", .data(.maintenance)),
            RouteDescription(
                "POST cluster/strays/confirm",
                "Releases stops that are held back",
                parameters: .dryRun,
                .data(.heldStops)
            ),
            RouteDescription(
                "POST cluster/restored/confirm",
                "Ends the state after an import",
                parameters: .dryRun,
                .data(.restoration)
            ),
        ] + duties + controllers

    private static let controllers: [RouteDescription] = [
        RouteDescription(
            "GET cluster/controllers",
            "All controllers: who leads, who stands by, who is absent",
            .data(.list(.controller))
        ),
        RouteDescription(
            "POST cluster/controllers/hand-over",
            "Gives the leadership to another controller",
            parameters: [.init(name: "to", schema: .text, description: "Its id; any that stands by if left out")],
            .data(.object([:], optional: ["to": .text]))
        ),
        RouteDescription(
            "DELETE cluster/controllers/{id}",
            "Drops an absent controller from the list",
            path: [.text],
            .found(.object(["controllerId": .text, "forgotten": .flag]))
        ),
    ]

    private static let duties: [RouteDescription] = [
        RouteDescription(
            "POST cluster/executors/blacklist",
            "Has executors give up their applications and take no more",
            parameters: selection,
            .found(.blacklisting)
        ),
        RouteDescription(
            "POST cluster/executors/unblacklist",
            "Has them take work again",
            parameters: selection,
            .found(.blacklisting)
        ),
        RouteDescription(
            "POST cluster/executors/{id}/blacklist",
            "The same for one",
            path: [.executorID],
            .found(.blacklisting)
        ),
        RouteDescription(
            "POST cluster/executors/{id}/unblacklist",
            "The same for one",
            path: [.executorID],
            .found(.blacklisting)
        ),
        RouteDescription(
            "POST cluster/executors/suspend",
            "Frees executors of all work until they are resumed",
            parameters: selection + .dryRun + [
                .init(
                    name: "mode",
                    schema: .choice(["finish", "now"]),
                    description: "Whether tasks run to their ends (unless it is said) or are stopped"
                ),
                .init(name: "confirm", schema: .flag, description: "Stop tasks that would fail"),
            ],
            .found(.dutyChange)
        ),
        RouteDescription(
            "POST cluster/executors/resume",
            "Has them work again",
            parameters: selection,
            .found(.dutyChange)
        ),
        RouteDescription(
            "POST cluster/executors/retire",
            "Drains executors and forgets them",
            parameters: selection,
            .found(.dutyChange)
        ),
    ]

    /// Those of all three together.
    private static let selection: [RouteDescription.Parameter] = [
        .init(name: "id", schema: .list(.executorID), description: "Executors by id"),
        .init(name: "tag", schema: .list(.text), description: "All executors with one of these tags"),
        .init(name: "zone", schema: .list(.text), description: "All executors in one of these zones"),
    ]

    // MARK: nodes

    private static let sequence = Schema.integer(0...Int64.max)

    static let nodes: [RouteDescription] = [
        RouteDescription(
            "POST internal/nodes/report",
            "What an executor of Apus reports",
            body: .nodeReport,
            .plain(.reportAnswer)
        ),
        RouteDescription(
            "GET internal/cluster/executors/{id}/instances/last",
            "What an executor of Drove is to keep and to stop at its start",
            path: [.executorID],
            .found(.knownInstances)
        ),
        RouteDescription(
            "GET internal/cluster/executors/{id}/instances/current",
            "The same while it is there",
            path: [.executorID],
            .found(.knownInstances)
        ),
        RouteDescription(
            "GET internal/cluster/resources/reserved",
            "What executors keep free for local services",
            .data(.reserved)
        ),
        RouteDescription(
            "GET internal/history",
            "What another controller lacks of the events, and what there is of the audit log; any controller answers",
            parameters: [
                .init(name: "reader", schema: .text, description: "Who asks, as host:port"),
                .init(name: "events", schema: .text, description: "Events behind that one; none unless it is said"),
                .init(name: "over", schema: .flag, description: "It is known that nothing comes behind that event"),
                .init(name: "changes", schema: sequence, description: "What was answered of the audit log last"),
                .init(
                    name: "wait",
                    schema: .integer(0...HistoryDesk.longestWait.milliseconds),
                    description: "Milliseconds to wait for what is new"
                ),
            ],
            .plain(.pastNews)
        ),
        RouteDescription(
            "GET internal/history/audit",
            "Records of the audit log, in their order; any controller answers",
            parameters: [
                .init(name: "after", schema: sequence, description: "Those after this sequence"),
                .init(name: "through", schema: sequence, description: "Those up to this sequence"),
            ],
            .plain(.auditHistory)
        ),
        RouteDescription(
            "POST messages",
            "Messages of Drove's executors, which are refused",
            body: .object([:]),
            .never
        ),
        RouteDescription(
            "GET internal/instances",
            "The instances of the caller's own application or local service",
            parameters: .states + [
                .init(name: "forApp", schema: .flag, description: "Those of all versions of its name")
            ],
            .found(.list(.any(of: [.instanceInfo, .localServiceInstanceInfo])))
        ),
    ]
}
