import ApusModel

/// Bodies that are taken where there is what they name: the application, local service and task of the ids' examples.
enum OpenAPIExample {
    static let applicationSpec = spec(named: "TEST_APP", policy: .any)
    static let localServiceSpec = LocalServiceSpec(spec(named: "TEST_LOCAL_SERVICE", policy: .local(hostLevel: false)))
    static let taskSpec = TaskSpec(
        sourceAppName: "TEST_APP",
        taskID: "T0012",
        executable: executable,
        resources: resources
    )

    static let applicationOperation: JSON = [
        "type": "SCALE", "appId": "TEST_APP-1", "requiredInstances": 1, "opSpec": ClusterOpSpec.standard.json,
    ]
    static let localServiceOperation: JSON = ["type": "RESTART", "serviceId": "TEST_LOCAL_SERVICE-1"]
    static let taskOperation: JSON = [
        "type": "CREATE", "spec": taskSpec.json, "opSpec": ClusterOpSpec.standard.json,
    ]
    static let placementQuestion: JSON = ["spec": applicationSpec.json, "numInstances": 2]
    static let ruleDryRun: JSON = [
        "ruleBasedPlacementPolicy": [
            "type": "RULE_BASED", "ruleType": "HOPE", "rule": "'/allocatedExecutorNodeMetadata/rack' == 'r1'",
        ],
        "schedulingInfo": ["allocatedExecutorNodeMetadata": ["rack": "r1"]],
    ]

    private static let executable = Executable(
        url: "ghcr.io/appform-io/perf-test-server-httplib",
        dockerPullTimeout: DurationText(100, .seconds)
    )
    private static let resources = ResourceRequirements(cores: 1, memoryMB: 128)

    private static func spec(named name: String, policy: PlacementPolicy) -> ApplicationSpec {
        let check = CheckSpec(
            mode: .http(HTTPCheck(portName: "main", path: "/")),
            timeout: DurationText(1, .seconds),
            interval: DurationText(5, .seconds),
            attempts: 3
        )
        return ApplicationSpec(
            name: name,
            version: "1",
            executable: executable,
            exposedPorts: [PortSpec(name: "main", port: 8000)],
            resources: resources,
            placementPolicy: policy,
            healthcheck: check,
            readiness: check
        )
    }
}
