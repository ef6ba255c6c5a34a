package import ApusModel

/// A valid specification: port `main` 8000 HTTP, and GET / on it for health and readiness.
package func exampleSpec(
    name: String = "TEST_APP",
    version: String = "1",
    image: String = "test-app:1",
    cores: Int = 1,
    memoryMB: Int64 = 128,
    policy: PlacementPolicy? = nil,
    tags: [String: String] = [:],
    env: [String: String] = [:],
    exposure: ExposureSpec? = nil
) -> ApplicationSpec {
    let check = CheckSpec(
        mode: .http(HTTPCheck(portName: "main", path: "/")),
        timeout: DurationText(1, .seconds),
        interval: DurationText(1, .seconds),
        attempts: 3
    )
    return ApplicationSpec(
        name: name,
        version: version,
        executable: Executable(url: image, dockerPullTimeout: DurationText(100, .seconds)),
        exposedPorts: [PortSpec(name: "main", port: 8000)],
        resources: ResourceRequirements(cores: cores, memoryMB: memoryMB),
        placementPolicy: policy,
        healthcheck: check,
        readiness: check,
        tags: tags,
        env: env,
        exposureSpec: exposure
    )
}

/// As `exampleSpec`, a local service.
package func exampleService(
    name: String = "TEST_SERVICE",
    version: String = "1",
    cores: Int = 1,
    memoryMB: Int64 = 128,
    hostLevel: Bool = false,
    isRequired: Bool = true
) -> LocalServiceSpec {
    var spec = exampleSpec(name: name, version: version, cores: cores, memoryMB: memoryMB)
    spec.type = .localService
    spec.placementPolicy = .local(hostLevel: hostLevel)
    return LocalServiceSpec(spec, isRequired: isRequired)
}

extension InstanceSpec {
    /// The specification of an application's instance; a task's has none and ends the test.
    package var spec: ApplicationSpec {
        get {
            guard case .application(let spec) = workload else { preconditionFailure("\(id) is a task's") }
            return spec
        }
        set { workload = .application(newValue) }
    }
}
