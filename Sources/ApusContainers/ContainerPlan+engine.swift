import ApusModel

extension ContainerPlan {
    /// The body of the engine's `POST /containers/create`.
    var engineJSON: JSON {
        let (bytes, overflow) = memoryMB.multipliedReportingOverflow(by: 1 << 20)
        let limit = openFiles.map { JSON.integer(Int64($0)) }
        let ulimits = limit.map { JSON.array([["Name": "nofile", "Soft": $0, "Hard": $0]]) }
        return .members([
            "Image": .string(image),
            "Cmd": command.isEmpty ? nil : .array(command.map(JSON.string)),
            "Env": .array(environment.keys.sorted().map { .string("\($0)=\(environment[$0] ?? "")") }),
            "Labels": .strings(labels),
            "User": user.map(JSON.string),
            "ExposedPorts": .object(portKeys.map { JSON.Member($0, [:]) }),
            "HostConfig": .members([
                "PortBindings": .object(portKeys.map { JSON.Member($0, bindings(of: $0)) }),
                // Not as mounts: a directory that is not there yet is made, as Drove's users know it.
                "Binds": .array(
                    directories.map { .string("\($0.hostPath):\($0.containerPath):\($0.isReadOnly ? "ro" : "rw")") }
                ),
                // Beyond what fits, the engine itself refuses with a clear message.
                "Memory": .integer(overflow ? .max : bytes),
                "CpusetCpus": cpuset.map { .string(Self.list($0.cores)) },
                "CpusetMems": cpuset?.memoryNodes.map { .string(Self.list($0)) },
                "CpuShares": cpuShares.map { .integer(Int64($0)) },
                "Ulimits": ulimits,
                "SecurityOpt": keepsUser ? ["no-new-privileges"] : nil,
                "LogConfig": log.engineJSON,
                "Devices": devices.isEmpty ? nil : .array(devices.map(\.engineJSON)),
                "DeviceRequests": deviceRequests.isEmpty ? nil : .array(deviceRequests.map(\.engineJSON)),
            ]),
        ])
    }

    private var portKeys: [String] { Set(ports.map(\.key)).sorted() }

    private func bindings(of key: String) -> JSON {
        .array(
            ports.filter { $0.key == key }.map {
                ["HostIp": .string($0.hostAddress), "HostPort": .string(String($0.hostPort))]
            }
        )
    }

    private static func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
}

extension HostDevice {
    fileprivate var engineJSON: JSON {
        [
            "PathOnHost": .string(hostPath), "PathInContainer": .string(containerPath),
            "CgroupPermissions": .string(permissions),
        ]
    }
}

extension DeviceRequest {
    fileprivate var engineJSON: JSON {
        .members([
            "Driver": .string(driver ?? ""), "Count": .integer(count ?? 0),
            "DeviceIDs": deviceIDs.isEmpty ? nil : .array(deviceIDs.map { .string($0) }),
            "Capabilities": .array(capabilities.map { .array($0.map { .string($0) }) }),
            "Options": .strings(options),
        ])
    }
}

extension ContainerPlan.Log {
    fileprivate var engineJSON: JSON {
        switch self {
        case .files(let maxSize, let maxFiles, let compress):
            // The engine refuses to compress when no file is ever rotated out.
            let compressed: JSON? = compress && maxFiles > 1 ? "true" : nil
            return [
                "Type": "json-file",
                "Config": .members([
                    "max-size": .string(maxSize), "max-file": .string(String(maxFiles)), "compress": compressed,
                ]),
            ]
        case .syslog(let address, let tag):
            return [
                "Type": "syslog",
                "Config": [
                    "syslog-address": .string(address), "tag": .string(tag), "syslog-facility": "daemon",
                    // An unreachable log server must not stop the container's writes.
                    "mode": "non-blocking",
                ],
            ]
        }
    }
}
