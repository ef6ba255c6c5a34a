/// What one container is to run: an application's or a task's specification, and what both have.
package enum Workload: Hashable, Sendable {
    case application(ApplicationSpec)
    case task(TaskSpec)

    package var owner: Owner {
        switch self {
        case .application(let spec): .application(spec.id)
        case .task(let spec): .task(spec.id)
        }
    }

    /// The application's name; for a task that of its source application.
    package var name: String {
        switch self {
        case .application(let spec): spec.name
        case .task(let spec): spec.sourceAppName
        }
    }

    package var executable: Executable {
        switch self {
        case .application(let spec): spec.executable
        case .task(let spec): spec.executable
        }
    }

    /// None of a task.
    package var exposedPorts: [PortSpec] {
        switch self {
        case .application(let spec): spec.exposedPorts
        case .task: []
        }
    }

    package var volumes: [MountedVolume] {
        switch self {
        case .application(let spec): spec.volumes
        case .task(let spec): spec.volumes
        }
    }

    package var logging: LoggingSpec {
        switch self {
        case .application(let spec): spec.logging ?? .standard
        case .task(let spec): spec.logging ?? .standard
        }
    }

    package var resources: ResourceRequirements {
        switch self {
        case .application(let spec): spec.resources
        case .task(let spec): spec.resources
        }
    }

    package var placementPolicy: PlacementPolicy {
        get {
            switch self {
            case .application(let spec): spec.placementPolicy ?? .any
            case .task(let spec): spec.placementPolicy ?? .any
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
            }
        }
    }

    package var env: [String: String] {
        switch self {
        case .application(let spec): spec.env
        case .task(let spec): spec.env
        }
    }

    package var args: [String] {
        switch self {
        case .application(let spec): spec.args
        case .task(let spec): spec.args
        }
    }

    package var userSpec: UserSpec? {
        switch self {
        case .application(let spec): spec.userSpec
        case .task(let spec): spec.userSpec
        }
    }

    /// `nil` of a task, which nobody asks.
    package var readiness: CheckSpec? {
        switch self {
        case .application(let spec): spec.readiness
        case .task: nil
        }
    }

    /// `nil` of a task.
    package var healthcheck: CheckSpec? {
        switch self {
        case .application(let spec): spec.healthcheck
        case .task: nil
        }
    }

    package var preShutdown: PreShutdownSpec? {
        switch self {
        case .application(let spec): spec.preShutdown
        case .task: nil
        }
    }
}
