import ApusEngine
import ApusModel

/// An instance, live or ended, as Drove's InstanceInfo.
struct InstanceView: Sendable {
    var id: InstanceID
    var app: AppID
    var appName: String
    var executor: ExecutorID
    var hostname: String
    var ports: [PortMapping]
    var allocation: ResourceAllocation
    var state: InstanceState
    var error: String
    var cause: EndCause?
    var restarts = 0
    var created: WallTime
    var updated: WallTime

    init(_ instance: Instance, of app: AppID, appName: String, hostname: String) {
        id = instance.id
        self.app = app
        self.appName = appName
        executor = instance.executor
        self.hostname = hostname
        ports = instance.ports
        allocation = instance.allocation
        // It was told to end; its executor has not said so yet.
        state = instance.stop != nil && instance.state.isAlive ? .stopping : instance.state
        error = instance.error
        cause = instance.cause
        restarts = instance.restarts
        created = instance.created
        updated = instance.updated
    }

    init(_ ended: EndedInstance, appName: String) {
        id = ended.id
        app = ended.app
        self.appName = appName
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
        return .members([
            "appId": app.json, "appName": .string(appName), "instanceId": id.json, "executorId": executor.json,
            "localInfo": .members(["hostname": .string(hostname), "ports": .object(ports)]),
            "resources": allocation.shown, "state": .string(state.rawValue), "metadata": .object([]),
            "errorMessage": .string(error), "created": created.json, "updated": updated.json, "cause": cause?.json,
            "restarts": restarts == 0 ? nil : .integer(Int64(restarts)),
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
