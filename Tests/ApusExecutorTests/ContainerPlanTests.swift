import ApusContainers
import ApusExecutor
import ApusModel
import Testing

struct ContainerPlanTests {
    private static let check = CheckSpec(
        mode: .http(HTTPCheck(portName: "main", path: "/")),
        timeout: DurationText(1, .seconds),
        interval: DurationText(3, .seconds),
        attempts: 3
    )
    private static let ports = [
        PortMapping(name: "main", containerPort: 8_000, hostPort: 31_000, type: .http),
        PortMapping(name: "dns", containerPort: 53, hostPort: 31_001, type: .udp),
    ]

    private static func spec() -> ApplicationSpec {
        ApplicationSpec(
            name: "app",
            version: "1",
            executable: Executable(url: "apus/hello:1"),
            exposedPorts: [PortSpec(name: "main", port: 8_000), PortSpec(name: "dns", port: 53, type: .udp)],
            resources: ResourceRequirements(cores: 2, memoryMB: 128),
            healthcheck: check,
            readiness: check
        )
    }

    private static func plan(
        _ workload: Workload,
        sharing: Topology.Sharing = .pinned,
        binding: ContainerHost.Binding? = nil,
        environment: [String: String] = [:]
    ) -> ContainerPlan {
        let identity = NodeIdentity(
            cluster: ClusterID("c1"),
            id: ExecutorID("e1"),
            key: NodeKey("k1"),
            incarnation: 1,
            hostname: "box",
            port: 11_000,
            transport: .http
        )
        var host = ContainerHost(
            identity: identity,
            publishedAddress: "127.0.0.1",
            sharing: sharing,
            environment: environment
        )
        if let binding { host.binding = binding }
        return ContainerPlan(
            instance: InstanceSpec(
                id: InstanceID("AI-1"),
                workload: workload,
                allocation: ResourceAllocation(numaNode: 1, cores: [4, 5], memoryMB: 128)
            ),
            ports: workload.exposedPorts.isEmpty ? [] : ports,
            host: host,
            epoch: 3,
            created: WallTime(milliseconds: 9)
        )
    }

    @Test
    func `a pinned instance has its cores and the memory of its node`() {
        let plan = Self.plan(.application(Self.spec()))
        #expect(plan.name == "app-1-AI-1")
        #expect(plan.image == "apus/hello:1")
        #expect(plan.cpuset == ContainerPlan.CPUSet(cores: [4, 5], memoryNodes: [1]))
        #expect(plan.cpuShares == nil)
        #expect(plan.memoryMB == 128)
        #expect(plan.log == .files(maxSize: "32m", maxFiles: 3, compress: false))
        #expect(plan.user == nil)
    }

    @Test
    func `a shared instance has a weight and no cpuset`() {
        let plan = Self.plan(.application(Self.spec()), sharing: .shared(multiplier: 4))
        #expect(plan.cpuset == nil)
        #expect(plan.cpuShares == 2_048)
    }

    @Test
    func `what binds a container follows what the executor was told`() {
        typealias Hardware = ExecutorSettings.Hardware
        func plan(_ hardware: Hardware, _ sharing: Topology.Sharing) -> ContainerPlan {
            let topology = Topology(nodes: [.init(id: 1, cores: [4, 5, 6], memoryMB: 1)], sharing: sharing)
            let binding = ContainerHost.Binding(hardware, topology, processors: 4)
            return Self.plan(.application(Self.spec()), binding: binding)
        }
        let whole = plan(Hardware(), .pinned)
        #expect(whole.cpuset == ContainerPlan.CPUSet(cores: [4, 5], memoryNodes: [1]))
        let merged = plan(Hardware(numa: .merged), .pinned)
        #expect(merged.cpuset == ContainerPlan.CPUSet(cores: [4, 5], memoryNodes: nil))
        // Of four processors three are offered.
        let kept = plan(Hardware(), .shared(multiplier: 2))
        #expect(kept.cpuset == ContainerPlan.CPUSet(cores: [4, 5, 6], memoryNodes: nil))
        #expect(kept.cpuShares == 2_048)
        let declared = plan(Hardware(source: .declared(path: "machine.json")), .pinned)
        #expect(declared.cpuset == nil)
        #expect(declared.cpuShares == 2_048)
    }

    @Test
    func `ports are published where the executor says, UDP as UDP`() {
        #expect(
            Self.plan(.application(Self.spec())).ports == [
                PublishedPort(hostAddress: "127.0.0.1", hostPort: 31_000, containerPort: 8_000, transport: .tcp),
                PublishedPort(hostAddress: "127.0.0.1", hostPort: 31_001, containerPort: 53, transport: .udp),
            ]
        )
    }

    @Test
    func `the environment is the contract's, the specification's last`() {
        var spec = Self.spec()
        spec.env = ["MODE": "fast", "HOST": "0.0.0.0", "REGION": "", "NOWHERE": ""]
        #expect(
            Self.plan(.application(spec), environment: ["REGION": "north", "SECRET": "x"]).environment == [
                "HOST": "0.0.0.0", "DROVE_EXECUTOR_HOST": "box", "DROVE_CONTAINER_ID": "apus/hello:1",
                "DROVE_INSTANCE_ID": "AI-1", "DROVE_APP_ID": "app-1", "DROVE_APP_NAME": "app",
                "PORT_8000": "31000", "PORT_53": "31001", "MODE": "fast", "REGION": "north",
            ]
        )
    }

    @Test
    func `labels can be read back and hold no environment`() throws {
        var spec = Self.spec()
        spec.env = ["PASSWORD": "hidden"]
        let labels = Self.plan(.application(spec)).labels
        #expect(!labels.values.contains { $0.contains("hidden") })
        let read = try ContainerLabels(reading: labels)
        #expect(read.instance == InstanceID("AI-1"))
        #expect(read.owner == .application(spec.id))
        #expect(read.epoch == 3)
        #expect(read.created == WallTime(milliseconds: 9))
        #expect(read.ports == Self.ports)
        #expect(read.allocation.cores == [4, 5])
        #expect(read.checks?.readiness == Self.check)
    }

    @Test
    func `user, command and log are the specification's`() {
        var spec = Self.spec()
        spec.userSpec = UserSpec(user: "app", group: "staff")
        spec.args = ["serve", "--fast"]
        spec.logging = .rsyslog(server: "udp://logs:514", tagPrefix: "p-", tagSuffix: nil)
        let plan = Self.plan(.application(spec))
        #expect(plan.user == "app:staff")
        #expect(plan.command == ["serve", "--fast"])
        #expect(plan.log == .syslog(address: "udp://logs:514", tag: "p-AI-1"))
    }

    @Test
    func `a task is named after its instance, has its own variables and labels, and no ports`() throws {
        var task = TaskSpec(
            sourceAppName: "shop",
            taskID: "night-7",
            executable: Executable(url: "apus/hello:1"),
            resources: ResourceRequirements(cores: 2, memoryMB: 128)
        )
        task.args = ["count"]
        let plan = Self.plan(.task(task))
        #expect(plan.name == "AI-1")
        #expect(plan.ports.isEmpty)
        #expect(plan.command == ["count"])
        #expect(
            plan.environment == [
                "HOST": "box", "DROVE_EXECUTOR_HOST": "box", "DROVE_CONTAINER_ID": "apus/hello:1",
                "DROVE_INSTANCE_ID": "AI-1", "DROVE_TASK_ID": "night-7", "DROVE_SOURCE_APP_NAME": "shop",
            ]
        )
        let read = try ContainerLabels(reading: plan.labels)
        #expect(read.owner == .task(task.id))
        #expect(read.appName == "shop")
        #expect(read.jobType == .computation)
        #expect(read.checks == nil)
    }

    @Test func `a local service's container is named and told what it is`() throws {
        let plan = Self.plan(.localService(LocalServiceSpec(Self.spec())))
        #expect(plan.name == "app-1-AI-1")
        #expect(plan.environment["DROVE_SERVICE_ID"] == "app-1" && plan.environment["DROVE_SERVICE_NAME"] == "app")
        #expect(plan.environment["DROVE_SERVICE_INSTANCE_ID"] == "AI-1")
        #expect(plan.environment["DROVE_APP_ID"] == nil && plan.environment["DROVE_INSTANCE_ID"] == nil)
        let labels = try ContainerLabels(reading: plan.labels)
        #expect(labels.owner == .localService(ServiceID("app-1")) && labels.jobType == .localService)
        #expect(labels.checks?.isWhole == true)
    }
}
