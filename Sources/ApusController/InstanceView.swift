import ApusEngine
import ApusModel

/// An instance, live or ended, as Drove's InstanceInfo.
struct InstanceView: Sendable {
    var id: InstanceID
    var owner: Owner
    /// The application's or the local service's.
    var ownerName: String
    var executor: ExecutorID
    var hostname: String
    var ports: [PortMapping]
    var allocation: ResourceAllocation
    var state: InstanceState
    var error: String
    var cause: EndCause?
    var restarts = 0
    /// How far what takes long has come; of a pull, say.
    var progress: String?
    var created: WallTime
    var updated: WallTime

    init(_ instance: Instance, ownerName: String, hostname: String) {
        id = instance.id
        owner = instance.owner
        self.ownerName = ownerName
        executor = instance.executor
        self.hostname = hostname
        ports = instance.ports
        allocation = instance.allocation
        state = instance.shownState
        error = instance.error
        cause = instance.cause
        restarts = instance.restarts
        progress = instance.progressText
        created = instance.created
        updated = instance.updated
    }

    init(_ ended: EndedInstance, ownerName: String) {
        id = ended.id
        owner = ended.owner
        self.ownerName = ownerName
        executor = ended.executor
        hostname = ended.hostname
        ports = ended.ports
        allocation = ended.allocation
        state = ended.state
        error = ended.error
        cause = ended.cause
        created = ended.created
        updated = ended.updated
    }

    /// `metadata` stays empty and `errorMessage` is always there: clients count on both.
    var json: JSON {
        let ports = ports.map { port in
            JSON.Member(
                port.name,
                .members([
                    "containerPort": .integer(Int64(port.containerPort)), "hostPort": .integer(Int64(port.hostPort)),
                    "portType": .string(port.type.rawValue),
                ])
            )
        }
        let name = JSON.string(ownerName)
        var (app, service): (JSON?, JSON?) = (nil, nil)
        switch owner {
        case .application(let id): app = id.json
        case .localService(let id): service = id.json
        case .task: break
        }
        return .members([
            "appId": app, "appName": app == nil ? nil : name,
            "serviceId": service, "serviceName": service == nil ? nil : name,
            "instanceId": id.json, "executorId": executor.json,
            "localInfo": .members(["hostname": .string(hostname), "ports": .object(ports)]),
            "resources": allocation.shown, "state": .string(state.rawValue), "metadata": .object([]),
            "errorMessage": .string(error), "created": created.json, "updated": updated.json, "cause": cause?.json,
            "restarts": restarts == 0 ? nil : .integer(Int64(restarts)), "progress": progress.map { .string($0) },
        ])
    }
}

extension ResourceAllocation {
    /// Drove's list of allocated resources.
    var shown: JSON {
        let node = "\(numaNode)"
        let cores = JSON.object([JSON.Member(node, .array(cores.map { .integer(Int64($0)) }))])
        let memory = JSON.object([JSON.Member(node, .integer(memoryMB))])
        return .array([
            .members(["type": "CPU", "cores": cores]), .members(["type": "MEMORY", "memoryInMB": memory]),
        ])
    }
}
