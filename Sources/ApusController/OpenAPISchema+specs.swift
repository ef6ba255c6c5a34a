import ApusModel

/// Specifications and their parts (contract §3).
///
/// What a specification means as a whole, that its ports are there say, no schema says: validation does.
extension Schema {
    // MARK: ids

    static let appID = named("AppId", text(upTo: 4096).example("TEST_APP-1"))
    static let serviceID = named("ServiceId", text(upTo: 4096).example("TEST_LOCAL_SERVICE-1"))
    static let instanceID = named(
        "InstanceId",
        text(upTo: 4096).example("AI-58eb1111-8c2c-4ea2-a159-8fc68010a146")
    )
    static let executorID = named("ExecutorId", text(upTo: 4096).example("93b6b6f3-c7c8-3824-afc9-cb6d0b32454c"))
    /// Of a task: it and the task's name are its id.
    static let sourceName = named("SourceAppName", text(upTo: 4096).example("TEST_APP"))
    static let taskName = named("TaskName", text(upTo: 4096).example("T0012"))

    /// Of an application, a local service or a task.
    private static let name = text(like: "^[a-zA-Z0-9_-]{1,80}$")
    /// With a name for the schema, so that a message about it is short.
    static let duration = named(
        "Duration",
        text(
            like:
                "^ ?[0-9]{1,18} ?(ns|nanoseconds?|us|microseconds?|ms|milliseconds?|s|seconds?|m|mins?|minutes?|h|hours?|d|days?)$"
        )
        .example("30 seconds")
    )
    static let strings = map(text)

    // MARK: whole ones

    static let applicationSpec = named(
        "ApplicationSpec",
        object(
            [
                "name": name, "version": name, "executable": executable, "exposedPorts": list(port, least: 1),
                "type": choice(JobType.self), "resources": list(resource, least: 1), "healthcheck": check,
                "readiness": check,
            ],
            optional: [
                "volumes": list(volume), "configs": list(config), "logging": logging,
                "placementPolicy": placementPolicy, "tags": strings, "env": strings, "args": list(text),
                "devices": list(device), "exposureSpec": exposure, "preShutdown": preShutdown, "userSpec": user,
            ]
        )
    )

    static let localServiceSpec = named(
        "LocalServiceSpec",
        object(
            [
                "name": name, "version": name, "executable": executable, "exposedPorts": list(port, least: 1),
                "type": choice(JobType.self), "resources": list(resource, least: 1),
                "placementPolicy": kind("LOCAL", optional: ["hostLevel": flag]), "healthcheck": check,
                "readiness": check,
            ],
            optional: [
                "volumes": list(volume), "configs": list(config), "logging": logging, "tags": strings,
                "env": strings, "args": list(text), "devices": list(device), "preShutdown": preShutdown,
                "userSpec": user, "required": flag,
            ]
        )
    )

    static let taskSpec = named(
        "TaskSpec",
        object(
            [
                "sourceAppName": name, "taskId": name, "executable": executable,
                "resources": list(resource, least: 1),
            ],
            optional: [
                "volumes": list(volume), "configs": list(config), "logging": logging,
                "placementPolicy": placementPolicy, "tags": strings, "env": strings, "args": list(text),
                "devices": list(device), "userSpec": user,
            ]
        )
    )

    // MARK: parts

    static let executable = named(
        "Executable",
        object(["url": text(upTo: 4096), "dockerPullTimeout": duration], optional: ["type": choice(["DOCKER"])])
    )

    static let volume = named(
        "MountedVolume",
        object([
            "pathInContainer": text(upTo: 4096), "pathOnHost": text(upTo: 4096),
            "mode": choice(MountedVolume.Mode.self),
        ])
    )

    static let logging = named(
        "LoggingSpec",
        one(of: [
            kind(
                "LOCAL",
                with: ["maxSize": text(upTo: 64), "maxFiles": integer(1...100)],
                optional: ["compress": flag]
            ),
            kind("RSYSLOG", with: ["server": text(upTo: 4096)], optional: ["tagPrefix": text, "tagSuffix": text]),
        ])
    )

    private static let port = named(
        "PortSpec",
        object([
            "name": text(like: "^[a-zA-Z0-9_-]{1,64}$"), "port": integer(1...65_535), "type": choice(PortType.self),
        ])
    )

    private static let resource = named(
        "ResourceRequirement",
        one(of: [
            kind("CPU", with: ["count": integer(1...Int64(ResourceRequirements.mostCores))]),
            kind("MEMORY", "DISK", with: ["sizeInMB": integer(1...(1 << 40))]),
        ])
    )

    private static let check = named(
        "CheckSpec",
        object(
            ["mode": checkMode, "timeout": duration, "interval": duration, "attempts": integer(1...100)],
            optional: ["initialDelay": duration]
        )
    )

    private static let checkMode = named(
        "CheckModeSpec",
        one(of: [
            kind(
                "HTTP",
                with: [
                    "protocol": choice(HTTPCheck.Scheme.self), "portName": text(upTo: 64), "path": text(upTo: 4096),
                    "verb": choice(HTTPCheck.Verb.self), "successCodes": list(integer, least: 1),
                ],
                optional: ["payload": text, "connectionTimeout": duration, "insecure": flag]
            ),
            kind("CMD", with: ["command": text(upTo: 4096)], optional: ["shellDisabled": flag]),
        ])
    )

    private static let preShutdown = named(
        "PreShutdownSpec",
        object([:], optional: ["hooks": list(checkMode), "waitBeforeKill": duration])
    )

    private static let exposure = named(
        "ExposureSpec",
        object(
            ["vhost": text(upTo: 4096), "portName": text(upTo: 64)],
            optional: ["mode": choice(ExposureSpec.Mode.self)]
        )
    )

    private static let user = named("UserSpec", object(["user": text(upTo: 256)], optional: ["group": text]))

    private static let config = named(
        "ConfigSpec",
        one(of: [
            kind("INLINE", with: ["localFilename": filename, "data": base64]),
            kind("EXECUTOR_LOCAL_FILE", with: ["localFilename": filename, "filePathOnHost": text(upTo: 4096)]),
            kind(
                "CONTROLLER_HTTP_FETCH",
                "EXECUTOR_HTTP_FETCH",
                with: ["localFilename": filename, "http": httpCall]
            ),
        ])
    )

    private static let filename = text(upTo: 4096).example("/etc/app.conf")

    private static let httpCall = named(
        "HTTPCallSpec",
        object(
            ["protocol": choice(HTTPCheck.Scheme.self), "hostname": text(upTo: 255)],
            optional: [
                "port": integer(0...65_535), "path": text, "verb": choice(HTTPCheck.Verb.self),
                "successCodes": list(integer), "payload": text, "connectionTimeout": duration,
                "operationTimeout": duration, "username": text, "password": text, "authHeader": text,
                "headers": strings, "insecure": flag,
            ]
        )
    )

    private static let device = named(
        "DeviceSpec",
        one(of: [
            kind(
                "DIRECT",
                with: ["pathOnHost": text(upTo: 4096)],
                optional: ["pathInContainer": text, "permissions": choice(DeviceSpec.Permissions.self)]
            ),
            kind(
                "DETAILED",
                optional: [
                    "driver": text, "count": integer, "deviceIds": list(text), "capabilities": list(list(text)),
                    "options": strings,
                ]
            ),
        ])
    )

    // MARK: placement

    static let placementPolicy = named(
        "PlacementPolicy",
        one(of: [
            kind("ANY", "ONE_PER_HOST", "NO_TAG"),
            kind("MAX_N_PER_HOST", with: ["max": integer(1...Int64(PlacementPolicy.mostPerHost))]),
            kind("MATCH_TAG", with: ["tag": text(upTo: 4096)]), rulePolicy,
            kind(
                "COMPOSITE",
                with: ["policies": list(reference("PlacementPolicy"), least: 1)],
                optional: ["combiner": choice(PlacementPolicy.Combiner.self)]
            ),
            kind("LOCAL", optional: ["hostLevel": flag]), spread,
        ])
    )

    static let rulePolicy = kind(
        "RULE_BASED",
        with: ["rule": text(upTo: 4096), "ruleType": choice(PlacementPolicy.RuleType.self)]
    )

    private static let spread = kind(
        "SPREAD",
        optional: [
            "over": choice(["ZONE", "HOST", "METADATA"]), "key": text(upTo: 255),
            "maxSkew": integer(1...Int64(SpreadPolicy.mostSkew)),
            "enforcement": choice(SpreadPolicy.Enforcement.self), "scope": choice(SpreadPolicy.Scope.self),
        ]
    )

    static let defaultSpread = named("DefaultSpread", one(of: [spread, kind("NONE")]))
}
