/// A container that runs once to an exit code (contract §3.2).
///
/// A value of this type has passed validation, or was read back from a record of one that had.
package struct TaskSpec: SpecPart {
    package var sourceAppName: String
    package var taskID: String
    package var executable: Executable
    package var volumes: [MountedVolume]
    package var configs: [ConfigSpec]
    /// `nil` means LOCAL, 10m, 3 files, compressed.
    package var logging: LoggingSpec?
    package var resources: ResourceRequirements
    /// `nil` means ANY.
    package var placementPolicy: PlacementPolicy?
    package var tags: [String: String]
    package var env: [String: String]
    package var args: [String]
    package var devices: [DeviceSpec]
    package var userSpec: UserSpec?

    /// Makes a specification as given: nothing is checked.
    package init(
        sourceAppName: String,
        taskID: String,
        executable: Executable,
        volumes: [MountedVolume] = [],
        configs: [ConfigSpec] = [],
        logging: LoggingSpec? = nil,
        resources: ResourceRequirements,
        placementPolicy: PlacementPolicy? = nil,
        tags: [String: String] = [:],
        env: [String: String] = [:],
        args: [String] = [],
        devices: [DeviceSpec] = [],
        userSpec: UserSpec? = nil
    ) {
        self.sourceAppName = sourceAppName
        self.taskID = taskID
        self.executable = executable
        self.volumes = volumes
        self.configs = configs
        self.logging = logging
        self.resources = resources
        self.placementPolicy = placementPolicy
        self.tags = tags
        self.env = env
        self.args = args
        self.devices = devices
        self.userSpec = userSpec
    }

    package var id: TaskID { TaskID(source: sourceAppName, name: taskID) }
}

extension TaskSpec {
    package init(_ reader: SpecReader) {
        self.init(
            sourceAppName: reader.plainName("sourceAppName", required: "- Source Application name is mandatory"),
            taskID: reader.plainName("taskId", required: "- Task ID is mandatory"),
            executable: reader.part("executable", required: "- Executable details is required"),
            volumes: reader.parts("volumes"),
            configs: reader.parts("configs"),
            logging: reader.part("logging"),
            resources: ResourceRequirements(listIn: reader),
            placementPolicy: reader.part("placementPolicy"),
            tags: reader.stringMap("tags"),
            env: reader.stringMap("env"),
            args: reader.strings("args"),
            devices: reader.parts("devices"),
            userSpec: reader.part("userSpec")
        )
        guard reader.checksRules else { return }
        SpecLimits.checkName(id.runID, "Source application name and task id", reader)
        SpecLimits.checkArguments(args, reader)
        SpecLimits.checkConfigs(configs, reader)
        SpecLimits.checkPolicy(placementPolicy, of: "tasks", reader)
        SpecLimits.checkSize(json, reader)
    }

    package var json: JSON {
        .members([
            "sourceAppName": .string(sourceAppName),
            "taskId": .string(taskID),
            "executable": executable.json,
            "volumes": .array(volumes.map(\.json)),
            "configs": .array(configs.map(\.json)),
            "logging": logging?.json,
            "resources": resources.json,
            "placementPolicy": placementPolicy?.json,
            "tags": .strings(tags),
            "env": .strings(env),
            "args": .array(args.map { .string($0) }),
            "devices": .array(devices.map(\.json)),
            "userSpec": userSpec?.json,
        ])
    }
}
