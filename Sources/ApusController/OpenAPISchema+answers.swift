import ApusEngine
import ApusModel

/// Applications, local services, tasks and their instances, as they are shown (contract §1.1 to §1.3).
extension Schema {
    static let applicationState = choice(ApplicationState.self)
    static let instanceState = choice(InstanceState.self)
    private static let portType = choice(PortType.self)

    static let appSummary = named(
        "AppSummary",
        object(
            [
                "id": appID, "name": text, "requiredInstances": integer, "healthyInstances": integer,
                "totalCPUs": integer, "totalMemory": integer, "tags": strings, "state": applicationState,
                "created": time, "updated": time, "runningInstances": integer,
            ],
            optional: [
                "operation": operation, "lastOperation": endedOperation, "backoff": backoff, "shortfall": text,
                "share": share,
            ]
        )
    )

    static let localServiceSummary = named(
        "LocalServiceSummary",
        object(
            [
                "id": serviceID, "name": text, "instancesPerHost": integer, "healthyInstances": integer,
                "totalCPUs": integer, "totalMemory": integer, "tags": strings,
                "activationState": choice(ActivationState.self), "state": choice(LocalServiceState.self),
                "created": time, "updated": time, "wantedInstances": integer, "liveInstances": integer,
                "required": flag,
            ],
            optional: [
                "operation": operation, "lastOperation": endedOperation,
                "obstacles": list(object(["executorId": executorID, "hostname": text, "reason": text])),
            ]
        )
    )

    private static let operation = named(
        "Operation",
        object(
            [
                "id": text, "type": text, "accepted": time, "timeout": duration, "parallelism": integer,
                "failureStrategy": choice(ClusterOpSpec.FailureStrategy.self), "spentMs": integer,
            ],
            optional: ["instanceIds": list(instanceID), "from": text, "to": text, "rollingBack": text]
        )
    )

    private static let endedOperation = named(
        "EndedOperation",
        object(
            ["id": text, "type": text, "accepted": time, "ended": time, "outcome": text, "reason": text],
            optional: ["instanceIds": list(instanceID), "from": text, "to": text]
        )
    )

    private static let backoff = named(
        "Backoff",
        object(["failures": integer, "waitMs": integer, "reason": text])
    )

    // MARK: instances

    static let instanceInfo = named("InstanceInfo", instance(of: ["appId": appID, "appName": text]))
    static let localServiceInstanceInfo = named(
        "LocalServiceInstanceInfo",
        instance(of: ["serviceId": serviceID, "serviceName": text])
    )

    /// With what names its owner before all else.
    private static func instance(of owner: KeyValuePairs<String, Schema>) -> Schema {
        all(of: [
            object(owner),
            object(
                [
                    "instanceId": instanceID, "executorId": executorID, "localInfo": localInfo,
                    "resources": list(allocation), "state": instanceState, "metadata": object([:]),
                    "errorMessage": text, "created": time, "updated": time,
                ],
                optional: ["cause": endCause, "restarts": integer, "progress": text]
            ),
        ])
    }

    private static let localInfo = named(
        "LocalInfo",
        object([
            "hostname": text,
            "ports": map(object(["containerPort": integer, "hostPort": integer, "portType": portType])),
        ])
    )

    /// Cores and memory by NUMA node.
    private static let allocation = named(
        "ResourceAllocation",
        one(of: [kind("CPU", with: ["cores": coresByNode]), kind("MEMORY", with: ["memoryInMB": map(integer)])])
    )

    static let coresByNode = map(list(integer))

    private static let endCause = named(
        "EndCause",
        object(["kind": text], optional: ["reason": text, "code": integer, "outOfMemory": flag, "fault": text])
    )

    /// Without a place it has no instance and no executor: their ids are empty.
    static let taskInfo = named(
        "TaskInfo",
        object(
            [
                "sourceAppName": sourceName, "taskId": taskName, "instanceId": text, "executorId": text,
                "hostname": text, "executable": executable, "resources": list(allocation), "volumes": list(volume),
                "loggingSpec": logging, "env": strings, "state": instanceState, "metadata": object([:]),
                "errorMessage": text, "created": time, "updated": time,
            ],
            optional: [
                "taskResult": object(["status": text, "exitCode": integer]), "cause": endCause, "progress": text,
            ]
        )
    )

    // MARK: endpoints

    static let endpoint = named(
        "ExposedAppInfo",
        object([
            "appName": text, "appId": appID, "vhost": text, "tags": strings,
            "hosts": list(object(["host": text, "port": integer, "portType": portType])),
        ])
    )

    // MARK: placement

    /// Why there are no more instances; `subject` says of what.
    static func explanation(of subject: KeyValuePairs<String, Schema>) -> Schema {
        all(of: [object(subject), explanation])
    }

    private static let explanation = named(
        "Explanation",
        object(
            [
                "state": text, "text": list(text), "wanted": integer, "alive": integer, "healthy": integer,
                "hindrances": list(object(["code": text, "text": text], optional: ["until": time])),
            ],
            optional: [
                "placement": object(
                    [
                        "executors": integer, "fitting": integer,
                        "refusals": list(object(["reason": text, "executors": integer])),
                    ],
                    optional: ["suggestion": text]
                ),
                "executors": list(
                    object(
                        ["executorId": executorID, "hostname": text, "port": integer, "fits": flag],
                        optional: ["reason": text]
                    )
                ),
            ]
        )
    )

    static let simulation = named(
        "Simulation",
        object(
            ["requested": integer, "placed": integer, "errors": list(text)],
            optional: [
                "placements": list(
                    object([
                        "executorId": executorID, "hostname": text, "port": integer,
                        "executorState": choice(MemberView.wireStates),
                    ])
                )
            ]
        )
    )

    /// What came of the two steps of a dry run of a rule.
    static let ruleOutcome = named(
        "RuleOutcome",
        object([
            "status": flag, "checkResult": any,
            "evalResult": object(["status": text, "error": text], optional: ["result": flag]),
        ])
    )
}
