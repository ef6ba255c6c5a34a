package import ApusContainers
package import ApusModel

/// What an executor adds to every container it makes.
package struct ContainerHost: Hashable, Sendable {
    /// What of the machine a container is bound to.
    package enum Binding: Hashable, Sendable {
        /// Its cores, and the memory of their NUMA node.
        case coresAndMemory
        /// Its cores; the kernel chooses the memory.
        case cores
        /// None of its own: its cores' number is a weight, among these cores or (none) all of the machine.
        case weight(within: [Int])

        package init(_ sharing: Topology.Sharing) { self = sharing == .pinned ? .coresAndMemory : .weight(within: []) }

        /// What the settings come to on a machine with so many processors, of which this is offered.
        package init(_ hardware: ExecutorSettings.Hardware, _ topology: Topology, processors: Int) {
            switch (hardware.source, topology.sharing, hardware.numa) {
            case (.declared, _, _): self = .weight(within: [])
            case (.kernel, .pinned, .bound): self = .coresAndMemory
            case (.kernel, .pinned, .merged): self = .cores
            case (.kernel, .shared, _):
                // Who shares keeps off the cores that stay with the system, or that the executor may not use, all the
                // same.
                let cores = topology.nodes.flatMap(\.cores).sorted()
                self = .weight(within: cores.count < processors ? cores : [])
            }
        }
    }

    package var identity: NodeIdentity
    /// The address that ports are published on: 127.0.0.1 keeps them on this machine.
    package var publishedAddress: String
    package var binding: Binding
    /// The executor's own environment, for variables that a specification leaves empty.
    package var environment: [String: String]
    /// How many files a process may hold open; `nil` is the engine's own limit.
    package var openFiles: Int?
    /// Every container gets all of Nvidia's GPUs.
    package var givesAllGPUs: Bool

    package init(
        identity: NodeIdentity,
        publishedAddress: String,
        sharing: Topology.Sharing,
        environment: [String: String],
        openFiles: Int? = nil,
        givesAllGPUs: Bool = false
    ) {
        self.identity = identity
        self.publishedAddress = publishedAddress
        binding = Binding(sharing)
        self.environment = environment
        self.openFiles = openFiles
        self.givesAllGPUs = givesAllGPUs
    }
}

extension ContainerPlan {
    /// The weight of one core among containers that share cores; the kernel's own unit.
    private static let sharesPerCore = 1_024

    /// The container of one instance, as the contract's §7 has it.
    ///
    /// `ports` are the ones reserved for it, `directories` its volumes where they may be mounted from, `epoch` that of
    /// its START, `created` the instance's own time.
    package init(
        instance: InstanceSpec,
        ports: [PortMapping],
        directories: [BoundDirectory] = [],
        host: ContainerHost,
        epoch: Epoch,
        created: WallTime
    ) {
        let spec = instance.workload
        let jobType: JobType =
            switch instance.owner {
            case .application: .service
            case .task: .computation
            case .localService: .localService
            }
        let checks = spec.readiness.flatMap { readiness in
            spec.healthcheck.map { ContainerLabels.Checks(readiness: readiness, healthcheck: $0) }
        }
        let labels = ContainerLabels(
            cluster: host.identity.cluster,
            executor: host.identity.id,
            epoch: epoch,
            instance: instance.id,
            owner: instance.owner,
            appName: spec.name,
            jobType: jobType,
            created: created,
            allocation: instance.allocation,
            ports: ports,
            checks: checks,
            hooks: spec.preShutdown
        )
        self.init(
            name: Self.name(of: instance),
            image: spec.executable.url,
            labels: labels.dictionary,
            environment: Self.environment(of: instance, ports: ports, host: host),
            command: spec.args,
            ports: ports.map { port in
                PublishedPort(
                    hostAddress: host.publishedAddress,
                    hostPort: port.hostPort,
                    containerPort: port.containerPort,
                    transport: port.type == .udp ? .udp : .tcp
                )
            },
            directories: directories,
            memoryMB: instance.allocation.memoryMB,
            openFiles: host.openFiles,
            user: spec.userSpec.map { user in [user.user, user.group].compactMap(\.self).joined(separator: ":") },
            log: Self.log(spec.logging, of: instance.id)
        )
        for device in spec.devices { add(device) }
        if host.givesAllGPUs { deviceRequests.append(.allGPUs) }
        switch host.binding {
        case .coresAndMemory:
            cpuset = CPUSet(cores: instance.allocation.cores, memoryNodes: [instance.allocation.numaNode])
        case .cores: cpuset = CPUSet(cores: instance.allocation.cores, memoryNodes: nil)
        case .weight(let cores):
            // The numbers are slots, not cores: only their count means something to the kernel.
            cpuShares = Self.sharesPerCore * instance.allocation.cores.count
            if !cores.isEmpty { cpuset = CPUSet(cores: cores, memoryNodes: nil) }
        }
    }

    private mutating func add(_ device: DeviceSpec) {
        switch device {
        case .direct(let path, let inContainer, let permissions):
            let letters =
                switch permissions {
                case .readOnly: "r"
                case .writeOnly: "w"
                case .mknodOnly: "m"
                case .readWrite: "rw"
                case .all: "rwm"
                }
            devices.append(HostDevice(hostPath: path, containerPath: inContainer ?? path, permissions: letters))
        case .detailed(let driver, let count, let ids, let capabilities, let options):
            deviceRequests.append(
                DeviceRequest(
                    driver: driver,
                    count: count,
                    deviceIDs: ids,
                    capabilities: capabilities,
                    options: options
                )
            )
        }
    }

    /// The name that an instance's container has on any executor.
    package static func name(of instance: InstanceSpec) -> String {
        switch instance.owner {
        case .application(let app): "\(app)-\(instance.id)"
        case .localService(let service): "\(service)-\(instance.id)"
        case .task: instance.id.rawValue
        }
    }

    private static func environment(
        of instance: InstanceSpec,
        ports: [PortMapping],
        host: ContainerHost
    ) -> [String: String] {
        var environment = [
            "HOST": host.identity.hostname,
            "DROVE_EXECUTOR_HOST": host.identity.hostname,
            // The image, despite the name: clients of Drove may read it.
            "DROVE_CONTAINER_ID": instance.workload.executable.url,
        ]
        switch instance.owner {
        case .application(let app):
            environment["DROVE_INSTANCE_ID"] = instance.id.rawValue
            environment["DROVE_APP_ID"] = app.rawValue
            environment["DROVE_APP_NAME"] = instance.workload.name
        case .localService(let service):
            environment["DROVE_SERVICE_INSTANCE_ID"] = instance.id.rawValue
            environment["DROVE_SERVICE_ID"] = service.rawValue
            environment["DROVE_SERVICE_NAME"] = instance.workload.name
        case .task(let task):
            environment["DROVE_INSTANCE_ID"] = instance.id.rawValue
            environment["DROVE_TASK_ID"] = task.name
            environment["DROVE_SOURCE_APP_NAME"] = task.source
        }
        if let token = instance.token { environment["DROVE_APP_INSTANCE_AUTH_TOKEN"] = token }
        for port in ports { environment["PORT_\(port.containerPort)"] = String(port.hostPort) }
        // The specification comes last, as in Drove: its author may set HOST.
        for (name, value) in instance.workload.env {
            if !value.isEmpty {
                environment[name] = value
            } else if let inherited = host.environment[name] {
                environment[name] = inherited
            }
        }
        return environment
    }

    private static func log(_ spec: LoggingSpec, of instance: InstanceID) -> Log {
        switch spec {
        case .local:
            // The specification's limits are those of our own files. These hold what is written while nobody reads:
            // enough for a container at full speed, and never compressed, which the reading would wait for.
            .files(maxSize: "32m", maxFiles: 3, compress: false)
        case .rsyslog(let server, let prefix, let suffix):
            .syslog(address: server, tag: "\(prefix ?? "")\(instance)\(suffix ?? "")")
        }
    }
}
