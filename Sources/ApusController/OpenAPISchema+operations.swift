import ApusModel

/// What can be asked for (contract §4.1, §4.5, §4.7).
extension Schema {
    static let opSpec = named(
        "ClusterOpSpec",
        object([
            "timeout": duration, "parallelism": integer(1...512),
            "failureStrategy": choice(ClusterOpSpec.FailureStrategy.self),
        ])
    )

    /// A number of instances, or a share of what the cluster can hold.
    private static let instances = named(
        "InstanceCount",
        one(of: [integer(0...2048), text(like: "^[1-9][0-9]?(\\.[0-9]{1,2})?%$").example("7%"), share])
    )

    static let share = named(
        "CapacityShare",
        object(
            ["share": text(like: "^[0-9]{1,3}(\\.[0-9]{1,2})?%$")],
            optional: ["of": text(upTo: 255), "least": integer(0...2048), "most": integer(1...2048)]
        )
    )

    private static let ids = list(instanceID, most: 2048)
    private static let someIDs = list(instanceID, least: 1, most: 2048)

    static let applicationOperation = named(
        "ApplicationOperation",
        one(of: [
            kind("CREATE", with: ["spec": applicationSpec, "instances": instances, "opSpec": opSpec]),
            kind("DESTROY", "SUSPEND", with: ["appId": appID, "opSpec": opSpec]),
            kind("START_INSTANCES", with: ["appId": appID, "instances": integer(0...1024), "opSpec": opSpec]),
            kind(
                "STOP_INSTANCES",
                with: ["appId": appID, "instanceIds": someIDs, "opSpec": opSpec],
                optional: ["skipRespawn": flag]
            ),
            kind("SCALE", "SCALE_INSTANCES", with: ["appId": appID, "requiredInstances": instances, "opSpec": opSpec]),
            kind(
                "REPLACE_INSTANCES",
                with: ["appId": appID, "opSpec": opSpec],
                optional: ["instanceIds": ids, "stopFirst": flag]
            ),
            kind(
                "ROLLOUT",
                with: ["appId": appID, "from": appID, "opSpec": opSpec],
                optional: ["requiredInstances": instances]
            ),
            kind("RECOVER", with: ["appId": appID]),
        ])
    )

    static let localServiceOperation = named(
        "LocalServiceOperation",
        one(of: [
            kind("CREATE", with: ["spec": localServiceSpec, "instancesPerHost": integer(1...256)]),
            kind(
                "ACTIVATE",
                "DEACTIVATE",
                "STOP",
                "DEPLOY_TEST_INSTANCE",
                "DESTROY",
                with: ["serviceId": serviceID]
            ),
            kind("UPDATE_INSTANCE_COUNT", with: ["serviceId": serviceID, "instancesPerHost": integer(1...256)]),
            kind("ADJUST_INSTANCES", with: ["serviceId": serviceID], optional: ["opSpec": opSpec]),
            kind(
                "REPLACE_INSTANCES",
                with: ["serviceId": serviceID],
                optional: ["instanceIds": ids, "stopFirst": flag, "opSpec": opSpec]
            ),
            kind(
                "STOP_INSTANCES",
                with: ["serviceId": serviceID, "instanceIds": someIDs],
                optional: ["opSpec": opSpec]
            ),
            kind(
                "RESTART",
                with: ["serviceId": serviceID],
                optional: ["stopFirst": flag, "clusterOpSpec": opSpec, "opSpec": opSpec]
            ),
        ])
    )

    static let taskOperation = named(
        "TaskOperation",
        one(of: [
            kind("CREATE", with: ["spec": taskSpec, "opSpec": opSpec]),
            kind("KILL", with: ["sourceAppName": sourceName, "taskId": taskName, "opSpec": opSpec]),
        ])
    )

    /// A specification of any kind and how many instances of it.
    static let placementQuestion = named(
        "PlacementQuestion",
        object(
            [
                "spec": any(of: [applicationSpec, localServiceSpec, taskSpec]),
                "numInstances": integer(1...Int64(PlacementQuestion.mostInstances)),
            ],
            optional: ["placementPolicy": placementPolicy]
        )
    )

    static let ruleDryRun = named(
        "RuleDryRun",
        object(["ruleBasedPlacementPolicy": rulePolicy], optional: ["schedulingInfo": object([:])])
    )

    static let taskSearch = object([
        "taskSearchAppName": text(like: "^[a-zA-Z0-9_-]+$"), "taskSearchTaskID": text(like: "^[a-zA-Z0-9_-]+$"),
    ])
}
