import ApusModel
import Testing

private let opSpec = ClusterOpSpec(timeout: DurationText(60, .seconds), parallelism: 2)

private func exampleService(hostLevel: Bool = false, isRequired: Bool = true) -> LocalServiceSpec {
    var spec = fullSpec()
    (spec.name, spec.version) = ("TEST_SERVICE", "1")
    spec.exposureSpec = nil
    spec.placementPolicy = .local(hostLevel: hostLevel)
    return LocalServiceSpec(spec, isRequired: isRequired)
}

/// The contract's §3.3 and §4.5.
@Suite struct LocalServiceTests {
    @Test(arguments: [
        BrokenRule("name", nil, "name - Service name is mandatory"),
        BrokenRule("version", "", "version - Service version is mandatory"),
        BrokenRule("exposedPorts", nil, "exposedPorts - Port specifications are needed"),
        BrokenRule("placementPolicy", nil, "Only local placement is allowed for local services"),
        BrokenRule("placementPolicy", ["type": "ANY"], "Only local placement is allowed for local services"),
        BrokenRule(
            "placementPolicy",
            ["type": "COMPOSITE", "policies": [["type": "LOCAL"]]],
            "Only local placement is allowed for local services"
        ),
    ])
    func `each broken rule is told in its own words and alone`(_ rule: BrokenRule) throws {
        let json = exampleService().json.with(rule.path, rule.value)
        #expect(LocalServiceSpec.validated(json) == .failure(.violations([rule.text])))
    }

    @Test(arguments: [true, false])
    func `a specification comes back the same, and what is exposed is left out`(_ isRequired: Bool) throws {
        let spec = exampleService(hostLevel: true, isRequired: isRequired)
        #expect(try LocalServiceSpec(json: spec.json) == spec)
        let exposed = spec.json.with("exposureSpec", ["vhost": "v", "portName": "main", "mode": "ALL"])
        #expect(LocalServiceSpec.validated(exposed) == .success(spec))
        #expect(spec.isHostLevel)
    }

    @Test(arguments: [
        LocalServiceOperation.create(exampleService(), instancesPerHost: 2), .activate(ServiceID("S-1")),
        .deactivate(ServiceID("S-1")), .deployTestInstance(ServiceID("S-1")), .destroy(ServiceID("S-1")),
        .updateInstanceCount(ServiceID("S-1"), instancesPerHost: 3), .adjustInstances(ServiceID("S-1"), opSpec),
        .replaceInstances(ServiceID("S-1"), ids: [InstanceID("SI-1")], stopFirst: true, opSpec),
        .stopInstances(ServiceID("S-1"), ids: [InstanceID("SI-1")], opSpec),
        .restart(ServiceID("S-1"), stopFirst: true, opSpec),
    ])
    func `an operation comes back the same`(_ operation: LocalServiceOperation) {
        #expect(LocalServiceOperation.validated(operation.json) == .success(operation))
    }

    @Test func `what clients leave out or name otherwise is understood`() throws {
        let id = ServiceID("S-1")
        #expect(LocalServiceOperation.validated(["type": "STOP", "serviceId": "S-1"]) == .success(.deactivate(id)))
        #expect(
            LocalServiceOperation.validated(["type": "ADJUST_INSTANCES", "serviceId": "S-1"])
                == .success(.adjustInstances(id, .standard))
        )
        #expect(
            LocalServiceOperation.validated(["type": "RESTART", "serviceId": "S-1", "opSpec": opSpec.json])
                == .success(.restart(id, stopFirst: false, opSpec))
        )
    }

    private static let faulty: [(JSON, String)] = [
        (["type": "ACTIVATE", "serviceId": ""], "No local service id found in operation"),
        (["type": "ACTIVATE"], "serviceId must not be null"),
        (
            ["type": "UPDATE_INSTANCE_COUNT", "serviceId": "S-1"],
            "instancesPerHost must be greater than or equal to 1"
        ),
        (
            ["type": "UPDATE_INSTANCE_COUNT", "serviceId": "S-1", "instancesPerHost": 257],
            "instancesPerHost must be less than or equal to 256"
        ),
        (["type": "STOP_INSTANCES", "serviceId": "S-1", "instanceIds": []], "instanceIds must not be empty"),
    ]

    @Test(arguments: faulty)
    func `a faulty operation is refused in words`(_ json: JSON, _ text: String) {
        #expect(LocalServiceOperation.validated(json) == .failure(.violations([text])))
    }

    @Test func `a START of one and its owner come back the same`() throws {
        let spec = InstanceSpec(
            id: InstanceID("SI-1"),
            workload: .localService(exampleService()),
            allocation: ResourceAllocation(numaNode: 0, cores: [1], memoryMB: 128)
        )
        #expect(try InstanceSpec(json: spec.json) == spec)
        #expect(try Owner(json: spec.owner.json) == spec.owner)
        #expect(spec.owner == .localService(ServiceID("TEST_SERVICE-1")))
    }

    @Test func `local services come before all others that wait for room`() {
        let owners: [Owner] = [
            .task(TaskID(source: "A", name: "1")), .application(AppID("A-1")), .localService(ServiceID("Z-1")),
        ]
        #expect(owners.sorted() == owners.reversed())
    }
}
