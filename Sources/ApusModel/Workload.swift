/// What one container is to run: an application's, a task's or a local service's specification, and what all have.
package enum Workload: Hashable, Sendable {
    case application(ApplicationSpec)
    case task(TaskSpec)
    case localService(LocalServiceSpec)

    package var owner: Owner {
        switch self {
        case .application(let spec): .application(spec.id)
        case .task(let spec): .task(spec.id)
        case .localService(let spec): .localService(spec.id)
        }
    }

    /// The application's or service's name; for a task that of its source application.
    package var name: String {
        switch self {
        case .application(let spec): spec.name
        case .task(let spec): spec.sourceAppName
        case .localService(let spec): spec.service.name
        }
    }

    package var executable: Executable {
        switch self {
        case .application(let spec): spec.executable
        case .task(let spec): spec.executable
        case .localService(let spec): spec.service.executable
        }
    }

    /// None of a task.
    package var exposedPorts: [PortSpec] {
        switch self {
        case .application(let spec): spec.exposedPorts
        case .task: []
        case .localService(let spec): spec.service.exposedPorts
        }
    }

    /// The host's ports that it must have, the same as the container's; `nil` if any will do.
    package var hostPorts: [PortMapping]? {
        guard case .localService(let spec) = self, spec.isHostLevel else { return nil }
        return exposedPorts.map { port in
            PortMapping(name: port.name, containerPort: port.port, hostPort: port.port, type: port.type)
        }
    }

    package var volumes: [MountedVolume] {
        switch self {
        case .application(let spec): spec.volumes
        case .task(let spec): spec.volumes
        case .localService(let spec): spec.service.volumes
        }
    }

    package var configs: [ConfigSpec] {
        get {
            switch self {
            case .application(let spec): spec.configs
            case .task(let spec): spec.configs
            case .localService(let spec): spec.service.configs
            }
        }
        set {
            switch self {
            case .application(var spec):
                spec.configs = newValue
                self = .application(spec)
            case .task(var spec):
                spec.configs = newValue
                self = .task(spec)
            case .localService(var spec):
                spec.service.configs = newValue
                self = .localService(spec)
            }
        }
    }

    package var devices: [DeviceSpec] {
        switch self {
        case .application(let spec): spec.devices
        case .task(let spec): spec.devices
        case .localService(let spec): spec.service.devices
        }
    }

    package var logging: LoggingSpec {
        switch self {
        case .application(let spec): spec.logging ?? .standard
        case .task(let spec): spec.logging ?? .standard
        case .localService(let spec): spec.service.logging ?? .standard
        }
    }

    package var resources: ResourceRequirements {
        switch self {
        case .application(let spec): spec.resources
        case .task(let spec): spec.resources
        case .localService(let spec): spec.service.resources
        }
    }

    package var placementPolicy: PlacementPolicy {
        get {
            switch self {
            case .application(let spec): spec.placementPolicy ?? .any
            case .task(let spec): spec.placementPolicy ?? .any
            case .localService(let spec): spec.service.placementPolicy ?? .any
            }
        }
        set {
            switch self {
            case .application(var spec):
                spec.placementPolicy = newValue
                self = .application(spec)
            case .task(var spec):
                spec.placementPolicy = newValue
                self = .task(spec)
            case .localService(var spec):
                spec.service.placementPolicy = newValue
                self = .localService(spec)
            }
        }
    }

    package var env: [String: String] {
        switch self {
        case .application(let spec): spec.env
        case .task(let spec): spec.env
        case .localService(let spec): spec.service.env
        }
    }

    package var args: [String] {
        switch self {
        case .application(let spec): spec.args
        case .task(let spec): spec.args
        case .localService(let spec): spec.service.args
        }
    }

    package var userSpec: UserSpec? {
        switch self {
        case .application(let spec): spec.userSpec
        case .task(let spec): spec.userSpec
        case .localService(let spec): spec.service.userSpec
        }
    }

    /// `nil` of a task, which nobody asks.
    package var readiness: CheckSpec? {
        switch self {
        case .application(let spec): spec.readiness
        case .task: nil
        case .localService(let spec): spec.service.readiness
        }
    }

    /// `nil` of a task.
    package var healthcheck: CheckSpec? {
        switch self {
        case .application(let spec): spec.healthcheck
        case .task: nil
        case .localService(let spec): spec.service.healthcheck
        }
    }

    package var preShutdown: PreShutdownSpec? {
        switch self {
        case .application(let spec): spec.preShutdown
        case .task: nil
        case .localService(let spec): spec.service.preShutdown
        }
    }
}
