import ApusAgent
import ApusModel

func found(_ spec: InstanceSpec, ports: [PortMapping], created: WallTime, epoch: Epoch) -> FoundLabels {
    FoundLabels(
        instance: spec.id,
        owner: spec.owner,
        appName: spec.workload.name,
        allocation: spec.allocation,
        ports: ports,
        readiness: spec.workload.readiness,
        health: spec.workload.healthcheck,
        hooks: spec.workload.preShutdown?.hooks ?? [],
        waitBeforeKill: spec.workload.preShutdown?.waitBeforeKill,
        created: created,
        epoch: epoch
    )
}

/// One instance of a service with an HTTP check each second, three attempts.
func instanceSpec(_ id: String = "AI-1", cores: [Int] = [0], memoryMB: Int64 = 128) -> InstanceSpec {
    let check = CheckSpec(
        mode: .http(HTTPCheck(portName: "main", path: "/")),
        timeout: DurationText(1, .seconds),
        interval: DurationText(1, .seconds),
        attempts: 3
    )
    let spec = ApplicationSpec(
        name: "TEST",
        version: "1",
        executable: Executable(url: "test:1", dockerPullTimeout: DurationText(100, .seconds)),
        exposedPorts: [PortSpec(name: "main", port: 8000)],
        resources: ResourceRequirements(cores: cores.count, memoryMB: memoryMB),
        healthcheck: check,
        readiness: check
    )
    return InstanceSpec(
        id: InstanceID(id),
        spec: spec,
        allocation: ResourceAllocation(numaNode: 0, cores: cores, memoryMB: memoryMB)
    )
}

/// One task.
func taskSpec(_ id: String = "AI-1", cores: [Int] = [0]) -> InstanceSpec {
    let task = TaskSpec(
        sourceAppName: "TEST",
        taskID: "t1",
        executable: Executable(url: "test:1", dockerPullTimeout: DurationText(100, .seconds)),
        resources: ResourceRequirements(cores: cores.count, memoryMB: 128)
    )
    return InstanceSpec(
        id: InstanceID(id),
        workload: .task(task),
        allocation: ResourceAllocation(numaNode: 0, cores: cores, memoryMB: 128)
    )
}

extension Job {
    /// It goes to the container's port.
    var isHTTP: Bool {
        if case .check(.http, _, _, _) = self { true } else { false }
    }
}

let one = InstanceID("AI-1")
let two = InstanceID("AI-2")
