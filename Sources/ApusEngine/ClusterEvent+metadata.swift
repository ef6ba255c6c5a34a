import ApusModel

/// What events say of their subjects, under Drove's keys (contract §6).
extension Application {
    func eventMetadata(as state: ApplicationState) -> JSON {
        .members([
            "APP_ID": id.json, "CURRENT_STATE": .string(state.rawValue), "APP_NAME": .string(spec.name),
            "APP_VERSION": .string(spec.version), "EXECUTABLE": .string(spec.executable.url),
            "PLACEMENT_POLICY": spec.policyName, "CURRENT_INSTANCES": .integer(Int64(expected)),
            "CPU_COUNT": .integer(Int64(spec.resources.cores)), "MEMORY": .integer(spec.resources.memoryMB),
            "PORTS": spec.portsText, "VHOST": spec.exposureSpec.map { .string($0.vhost) },
        ])
    }
}

extension LocalService {
    func eventMetadata(as state: LocalServiceState) -> JSON {
        .members([
            "LOCAL_SERVICE_ID": id.json, "CURRENT_STATE": .string(state.rawValue),
            "LOCAL_SERVICE_NAME": .string(spec.service.name), "LOCAL_SERVICE_VERSION": .string(spec.service.version),
            "EXECUTABLE": .string(spec.service.executable.url), "PLACEMENT_POLICY": spec.service.policyName,
            "CURRENT_INSTANCES_PER_HOST": .integer(Int64(instancesPerHost)),
            "CPU_COUNT": .integer(Int64(spec.service.resources.cores)),
            "MEMORY": .integer(spec.service.resources.memoryMB), "PORTS": spec.service.portsText,
        ])
    }
}

extension ApplicationSpec {
    fileprivate var policyName: JSON { .string((placementPolicy ?? .any).typeName) }

    fileprivate var portsText: JSON {
        .string(exposedPorts.map { "\($0.name):\($0.port):\($0.type.word)" }.joined(separator: ","))
    }
}

extension PortType {
    fileprivate var word: String { rawValue.lowercased() }
}

extension EndedInstance {
    func eventMetadata(ownerName: String) -> JSON {
        let name = JSON.string(ownerName)
        var (app, service): (JSON?, JSON?) = (nil, nil)
        switch owner {
        case .application(let id): app = id.json
        case .localService(let id): service = id.json
        case .task: break
        }
        let ports = ports.map { "\($0.name):\($0.hostPort):\($0.type.word)" }.joined(separator: ",")
        return .members([
            "APP_ID": app, "APP_NAME": app == nil ? nil : name,
            "SERVICE_ID": service, "SERVICE_NAME": service == nil ? nil : name,
            "INSTANCE_ID": id.json, "EXECUTOR_ID": executor.json, "CREATED": created.json,
            "CURRENT_STATE": .string(state.rawValue), "EXECUTOR_HOST": .string(hostname),
            "PORTS": ports.isEmpty ? nil : .string(ports), "ERROR": error.isEmpty ? nil : .string(error),
        ])
    }
}

extension TaskRun {
    /// `live` is its instance while it has one, `hostname` that of its executor.
    func eventMetadata(as state: InstanceState, live: Instance?, on hostname: String?) -> JSON {
        let (end, place) = (end, end?.place)
        let error = end?.error ?? live?.error ?? ""
        return .members([
            "APP_NAME": .string(spec.sourceAppName), "TASK_ID": .string(spec.taskID),
            "INSTANCE_ID": (live?.id ?? place?.instance)?.json ?? "",
            "EXECUTOR_ID": (live?.executor ?? place?.executor)?.json ?? "",
            "EXECUTOR_HOST": .string(hostname ?? place?.hostname ?? ""),
            "EXECUTABLE": .string(spec.executable.url), "CREATED": created.json,
            "CURRENT_STATE": .string(state.rawValue), "ERROR": error.isEmpty ? nil : .string(error),
            "RESULT_STATUS": end.map { .string($0.result.rawValue) },
            "RESULT_EXIT_CODE": end.map { .integer($0.exitCode) },
        ])
    }
}

extension Member {
    /// `duty` is what operators want of it, where that is what has changed; `channels` are what fails, where that is.
    func eventMetadata(duty: Duty? = nil, channels: [NodeChannel] = []) -> JSON {
        .members([
            "EXECUTOR_ID": id.json, "HOSTNAME": .string(hostname), "PORT": .integer(Int64(port)),
            "DUTY": duty?.unknownToDrove, "CHANNELS": channels.eventMetadata,
        ])
    }

    /// A channel of it fails, so that it takes nothing new.
    var isHeldBack: Bool { !obstacles.channels.isEmpty }
}

extension [NodeChannel] {
    /// As Drove writes what has several parts; left out if there is none.
    var eventMetadata: JSON? { isEmpty ? nil : .string(map(\.rawValue).joined(separator: ",")) }
}

extension Duty {
    /// The nearest of Drove's types.
    var eventKind: ClusterEvent.Kind {
        switch self {
        case .active: .executorUnblacklisted
        case .blacklisted: .executorBlacklisted
        case .blacklistRequested, .suspended, .suspendedAtOnce, .retiring: .executorBlacklistRequested
        }
    }

    /// Its own name where Drove has none for it.
    fileprivate var unknownToDrove: JSON? {
        switch self {
        case .active, .blacklistRequested, .blacklisted: nil
        case .suspended, .suspendedAtOnce, .retiring: .string(rawValue)
        }
    }
}
