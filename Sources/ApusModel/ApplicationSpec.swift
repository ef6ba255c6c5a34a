/// What a service is: the contract's §3.1, whole.
///
/// A value of this type has passed validation, or was read back from a record of one that had.
package struct ApplicationSpec: SpecPart {
    package var name: String
    package var version: String
    package var executable: Executable
    package var exposedPorts: [PortSpec]
    package var volumes: [MountedVolume]
    package var configs: [ConfigSpec]
    package var type: JobType
    /// `nil` means LOCAL, 10m, 3 files, compressed.
    package var logging: LoggingSpec?
    package var resources: ResourceRequirements
    /// `nil` means ANY.
    package var placementPolicy: PlacementPolicy?
    package var healthcheck: CheckSpec
    package var readiness: CheckSpec
    package var tags: [String: String]
    package var env: [String: String]
    package var args: [String]
    package var devices: [DeviceSpec]
    package var exposureSpec: ExposureSpec?
    /// `nil` means no hooks and no wait.
    package var preShutdown: PreShutdownSpec?
    package var userSpec: UserSpec?

    /// Makes a specification as given: nothing is checked.
    package init(
        name: String,
        version: String,
        executable: Executable,
        exposedPorts: [PortSpec],
        volumes: [MountedVolume] = [],
        configs: [ConfigSpec] = [],
        type: JobType = .service,
        logging: LoggingSpec? = nil,
        resources: ResourceRequirements,
        placementPolicy: PlacementPolicy? = nil,
        healthcheck: CheckSpec,
        readiness: CheckSpec,
        tags: [String: String] = [:],
        env: [String: String] = [:],
        args: [String] = [],
        devices: [DeviceSpec] = [],
        exposureSpec: ExposureSpec? = nil,
        preShutdown: PreShutdownSpec? = nil,
        userSpec: UserSpec? = nil
    ) {
        self.name = name
        self.version = version
        self.executable = executable
        self.exposedPorts = exposedPorts
        self.volumes = volumes
        self.configs = configs
        self.type = type
        self.logging = logging
        self.resources = resources
        self.placementPolicy = placementPolicy
        self.healthcheck = healthcheck
        self.readiness = readiness
        self.tags = tags
        self.env = env
        self.args = args
        self.devices = devices
        self.exposureSpec = exposureSpec
        self.preShutdown = preShutdown
        self.userSpec = userSpec
    }

    /// `<name>-<version>`.
    package var id: AppID { AppID("\(name)-\(version)") }
}

/// What the author says the specification is for; the value is kept and not checked against its use.
package enum JobType: String, Sendable, CaseIterable {
    case service = "SERVICE"
    case computation = "COMPUTATION"
    case localService = "LOCAL_SERVICE"
}

extension ApplicationSpec {
    package init(_ reader: SpecReader) {
        self.init(
            unexposedIn: reader,
            noName: "- Application name is mandatory",
            noVersion: "- App version is mandatory"
        )
        exposureSpec = reader.part("exposureSpec")
        if reader.checksRules { checkWhole(reader) }
    }

    /// All that a local service has too; the texts say that name or version is missing.
    init(unexposedIn reader: SpecReader, noName: String, noVersion: String) {
        self.init(
            name: reader.plainName("name", required: noName),
            version: reader.plainName("version", required: noVersion),
            executable: reader.part("executable", required: "- Executable details is required"),
            exposedPorts: reader.parts("exposedPorts", required: "- Port specifications are needed"),
            volumes: reader.parts("volumes"),
            configs: reader.parts("configs"),
            type: reader.choice("type", required: "- Specify if job is a computation or a service"),
            logging: reader.part("logging"),
            resources: ResourceRequirements(listIn: reader),
            placementPolicy: reader.part("placementPolicy"),
            healthcheck: reader.part("healthcheck"),
            readiness: reader.part("readiness"),
            tags: reader.stringMap("tags"),
            env: reader.stringMap("env"),
            args: reader.strings("args"),
            devices: reader.parts("devices"),
            preShutdown: reader.part("preShutdown"),
            userSpec: reader.part("userSpec")
        )
    }

    package var json: JSON {
        .members([
            "name": .string(name),
            "version": .string(version),
            "executable": executable.json,
            "exposedPorts": .array(exposedPorts.map(\.json)),
            "volumes": .array(volumes.map(\.json)),
            "configs": .array(configs.map(\.json)),
            "type": .string(type.rawValue),
            "logging": logging?.json,
            "resources": resources.json,
            "placementPolicy": placementPolicy?.json,
            "healthcheck": healthcheck.json,
            "readiness": readiness.json,
            "tags": .strings(tags),
            "env": .strings(env),
            "args": .array(args.map { .string($0) }),
            "devices": .array(devices.map(\.json)),
            "exposureSpec": exposureSpec?.json,
            "preShutdown": preShutdown?.json,
            "userSpec": userSpec?.json,
        ])
    }

    /// As `json`, for people: inline data emptied, user names, passwords and authorisation headers as `***`
    /// (contract §1.10).
    package var masked: JSON {
        var copy = self
        copy.configs = configs.map(\.masked)
        return copy.json
    }
}
