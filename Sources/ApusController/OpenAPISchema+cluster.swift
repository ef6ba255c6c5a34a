import ApusEngine
import ApusModel

/// The cluster, its executors and its events, as they are shown (contract §1.4, §1.9, §6).
extension Schema {
    static let clusterSummary = named(
        "ClusterSummary",
        object(
            [
                "leader": text, "state": clusterState, "numExecutors": integer, "numApplications": integer,
                "numActiveApplications": integer, "numActiveTasks": integer, "numLocalServices": integer,
                "numActiveLocalServices": integer, "freeCores": integer, "usedCores": integer,
                "totalCores": integer, "freeMemory": integer, "usedMemory": integer, "totalMemory": integer,
                "clusterId": text,
            ],
            optional: [
                "mode": choice(["RESTORED"]), "heldStops": integer,
                "heldLosses": object(["executors": list(executorID), "until": time]),
            ]
        )
    )

    private static let clusterState = choice(["NORMAL", "MAINTENANCE"])

    static let maintenance = object(["state": clusterState, "updated": time])

    // MARK: the dashboard

    static let dashboard = named(
        "DashboardData",
        object([
            "clusterSummary": clusterSummary,
            "appStats": object([
                "appCountByState": map(integer), "topApps": list(appSummary, most: 5),
                "totalHealthyInstances": integer,
            ]),
            "taskStats": object(["taskCountByState": map(integer), "topTasks": list(taskInfo, most: 5)]),
            "serviceStats": object([
                "serviceCountByState": map(integer), "serviceCountByActivationState": map(integer),
                "topServices": list(localServiceSummary, most: 5), "totalHealthyInstances": integer,
            ]),
            "executorStats": object(["executorCountByState": map(integer), "utilization": utilization]),
            "generatedAt": time,
        ])
    )

    /// In percent of the cores.
    private static let utilization = object([
        "averageUtilization": number, "highestUtilization": number, "lowestUtilization": number,
        "balanceScore": number,
    ])

    // MARK: executors

    private static let executorState = choice(MemberView.wireStates)
    private static let transport = choice(["HTTP", "HTTPS"])

    static let controller = named(
        "Controller",
        object(
            ["controllerId": text, "state": choice(["LEADER", "STANDBY", "ABSENT"]), "lastSeen": time],
            optional: [
                "hostname": text, "port": integer, "transportType": transport, "version": text, "since": time,
            ]
        )
    )

    static let executorSummary = named(
        "ExecutorSummary",
        object(
            [
                "executorId": executorID, "hostname": text, "port": integer, "transportType": transport,
                "freeCores": integer, "usedCores": integer, "freeMemory": integer, "usedMemory": integer,
                "tags": list(text), "state": executorState, "presence": text,
            ],
            optional: [
                "duty": text, "troubles": list(text), "zone": text, "waitingFor": list(text), "lossHeldUntil": time,
                "warnings": list(text), "quarantined": integer, "load": load, "failedChannels": failedChannels,
                "lastSeen": time,
            ]
        )
    )

    static let executorData = named(
        "ExecutorNodeData",
        object(
            [
                "type": choice(["EXECUTOR"]), "hostname": text, "port": integer, "transportType": transport,
                "updated": time, "state": executorResources, "instances": list(instanceInfo),
                "tasks": list(taskInfo), "serviceInstances": list(localServiceInstanceInfo), "tags": list(text),
                "metadata": strings, "executorState": executorState, "presence": text,
            ],
            optional: [
                "duty": text, "troubles": list(text), "zone": text,
                "quantities": map(object(["total": integer, "used": integer, "free": integer])),
                "load": load, "quarantine": quarantine, "sharedMultiplier": integer, "memoryMultiplier": integer,
                "waitingFor": list(text), "lossHeldUntil": time, "warnings": list(text),
                "failedChannels": failedChannels, "lastSeen": time, "history": history,
            ]
        )
    )

    private static let channel = choice(NodeChannel.self)
    private static let failedChannels = list(object(["channel": channel, "reason": text]))
    private static let history = list(
        object(
            ["at": time, "state": choice(MemberState.self)],
            optional: ["reason": text, "channels": list(channel)]
        )
    )

    private static let executorResources = object([
        "executorId": executorID,
        "cpus": kind("CPU", with: ["freeCores": coresByNode, "usedCores": coresByNode]),
        "memory": kind("MEMORY", with: ["freeMemory": map(integer), "usedMemory": map(integer)]),
        "layout": object(
            ["cores": coresByNode, "memory": map(integer)],
            optional: ["siblings": map(list(list(integer)))]
        ),
    ])

    private static let load = object(
        ["freeMemoryMB": integer, "freeCPU": integer],
        optional: [
            "totalMemoryMB": integer, "processors": integer, "totalDiskMB": integer, "freeDiskMB": integer,
        ]
    )

    private static let quarantine = object([
        "count": integer, "named": list(object(["container": text, "name": text, "reason": text])),
    ])

    static let blacklisting = named(
        "BlacklistOperationResponse",
        object(
            [
                "successful": list(executorID), "failed": list(text), "approxCompletionTimeMs": integer,
                "message": text,
            ],
            optional: ["reasons": list(text)]
        )
    )

    static let dutyChange = named(
        "DutyChange",
        object(
            ["executors": list(executorID)],
            optional: [
                "failingTasks": list(
                    object([
                        "sourceAppName": sourceName, "taskId": taskName, "executorId": executorID, "hostname": text,
                    ])
                )
            ]
        )
    )

    /// In thousandths of a core, megabytes, and bytes of an instance; what was not measured is left out.
    static let usage = object([
        "executors": list(
            object(
                ["executorId": executorID, "hostname": text, "port": integer, "state": executorState],
                optional: [
                    "processors": integer, "cpu": integer, "memoryMB": integer, "totalMemoryMB": integer,
                    "unmeasured": text,
                ]
            )
        ),
        "instances": list(
            object(
                [
                    "instanceId": instanceID, "type": choice(["APPLICATION", "TASK", "LOCAL_SERVICE"]),
                    "owner": text, "executorId": executorID, "hostname": text, "state": instanceState,
                    "cores": integer, "allocatedMemoryMB": integer,
                ],
                optional: ["cpu": integer, "memoryBytes": integer, "ageMilliseconds": integer]
            )
        ),
    ])

    // MARK: confirmations

    static let heldStops = object(["stops": list(heldStop), "released": flag])

    static let restoration = object([
        "stops": list(heldStop),
        "surplus": list(object(["instances": integer], optional: ["appId": text, "serviceId": text, "taskId": text])),
        "confirmed": flag,
    ])

    private static let heldStop = named(
        "HeldStop",
        object(["instanceId": text, "owner": text, "executorId": text, "hostname": text])
    )

    // MARK: events

    static let event = named(
        "ClusterEvent",
        object(["metadata": object([:]), "type": eventType, "id": text, "time": time])
    )
    static let eventType = choice(ClusterEvent.Kind.self)
    static let events = object(["events": list(event), "lastSyncTime": time])
    static let eventCounts = object(["eventsCount": map(integer), "lastSyncTime": time])

    // MARK: nodes

    static let knownInstances = named(
        "KnownInstancesData",
        object([
            "appInstanceIds": list(instanceID), "staleAppInstanceIds": list(instanceID),
            "taskInstanceIds": list(instanceID), "staleTaskInstanceIds": list(instanceID),
            "localServiceInstanceIds": list(instanceID), "staleLocalServiceInstanceIds": list(instanceID),
        ])
    )

    static let reserved = object(["cpus": integer, "memory": integer, "requiredInstances": map(integer)])

    static let nodeReport = named(
        "NodeReport",
        object(
            [
                "schema": integer,
                "identity": object([
                    "cluster": text, "id": text, "key": text, "incarnation": integer, "hostname": text,
                    "port": integer, "transport": transport,
                ]),
                "revision": integer, "base": integer, "instances": list(object([:])),
            ],
            optional: ["fence": object(["epoch": integer, "sequence": integer]), "description": object([:])]
        )
    )

    static let reportAnswer = named(
        "ReportAnswer",
        object(
            [
                "schema": integer, "verdict": choice(["APPLIED", "STALE", "REFUSED"]), "epoch": integer,
                "canCommit": flag, "applied": integer, "settled": list(text), "reason": text,
            ],
            optional: ["wall": time]
        )
    )

    // MARK: log files

    static let logFiles = object(["files": list(text)], optional: ["elsewhere": text])
    static let logPiece = object(
        ["data": text, "offset": integer],
        optional: ["next": integer, "length": integer, "file": text]
    )
}
