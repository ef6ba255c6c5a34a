/// A device file of the host that a container may use.
package struct HostDevice: Hashable, Sendable {
    package var hostPath: String
    package var containerPath: String
    /// Of the letters r, w and m (make the file).
    package var permissions: String

    package init(hostPath: String, containerPath: String, permissions: String) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.permissions = permissions
    }
}

/// Devices that one of the engine's drivers gives, GPUs say.
package struct DeviceRequest: Hashable, Sendable {
    package var driver: String?
    /// -1 asks for all.
    package var count: Int64?
    package var deviceIDs: [String]
    package var capabilities: [[String]]
    package var options: [String: String]

    package init(
        driver: String? = nil,
        count: Int64? = nil,
        deviceIDs: [String] = [],
        capabilities: [[String]] = [],
        options: [String: String] = [:]
    ) {
        self.driver = driver
        self.count = count
        self.deviceIDs = deviceIDs
        self.capabilities = capabilities
        self.options = options
    }

    /// What `docker run --gpus all` asks for.
    package static let allGPUs = DeviceRequest(count: -1, capabilities: [["gpu"]])
}
