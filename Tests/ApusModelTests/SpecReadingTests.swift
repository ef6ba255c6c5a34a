import ApusModel
import Testing

@Suite struct SpecReadingTests {
    /// Faults of the JSON itself: the change, and the one error.
    static let faults: [BrokenRule] = [
        BrokenRule("name", [], "name must be a string, not a list"),
        BrokenRule("version", .number(1.1), "version must be a string, not a number with a fraction or out of range"),
        BrokenRule("executable", "x", "executable must be a JSON object, not a string"),
        BrokenRule("executable.type", "docker", #"executable.type must be one of [DOCKER], not "docker""#),
        BrokenRule(
            "executable.dockerPullTimeout",
            5,
            "executable.dockerPullTimeout - Invalid duration: it must be a string"
        ),
        BrokenRule(
            "healthcheck.timeout",
            "5 fortnights",
            "healthcheck.timeout - Invalid duration: 5 fortnights. Wrong time unit, use one of ns, us, ms, s, m, h, d"
        ),
        BrokenRule("exposedPorts", [:], "exposedPorts must be a list, not an object"),
        BrokenRule("exposedPorts.0.port", "x", "exposedPorts[0].port must be a whole number, not a string"),
        BrokenRule(
            "exposedPorts.0.port",
            .number(1.5),
            "exposedPorts[0].port must be a whole number, not a number with a fraction or out of range"
        ),
        BrokenRule(
            "exposedPorts.0.type",
            "SCTP",
            #"exposedPorts[0].type must be one of [HTTP, HTTPS, TCP, UDP], not "SCTP""#
        ),
        BrokenRule("resources.0.type", nil, "resources[0].type is missing; known are [CPU, MEMORY, DISK]"),
        BrokenRule("resources.0.type", "GPU", #"resources[0].type must be one of [CPU, MEMORY, DISK], not "GPU""#),
        BrokenRule("healthcheck.mode.type", nil, "healthcheck.mode.type is missing; known are [HTTP, CMD]"),
        BrokenRule("healthcheck.mode.insecure", "x", "healthcheck.mode.insecure must be true or false, not a string"),
        BrokenRule(
            "healthcheck.mode.successCodes",
            ["x"],
            "healthcheck.mode.successCodes[0] must be a whole number, not a string"
        ),
        BrokenRule("env", ["A": []], "env[A] must be a string, not a list"),
        BrokenRule("tags", [], "tags must be a JSON object, not a list"),
        BrokenRule("args", [1, []], "args[1] must be a string, not a list"),
        BrokenRule(
            "configs",
            [["type": "INLINE", "localFilename": "/a", "data": "!"]],
            "configs[0].data must be base64"
        ),
        BrokenRule(
            "devices",
            [["type": "DETAILED", "capabilities": ["gpu"]]],
            "devices[0].capabilities[0] must be a list, not a string"
        ),
        BrokenRule(
            "placementPolicy",
            ["type": "any"],
            "placementPolicy.type must be one of [ANY, ONE_PER_HOST, MAX_N_PER_HOST, MATCH_TAG, NO_TAG, RULE_BASED, "
                + #"COMPOSITE, LOCAL, SPREAD], not "any""#
        ),
    ]

    @Test(arguments: faults)
    func `a fault of the JSON is the one error, whatever else is wrong`(_ fault: BrokenRule) throws {
        let json = try plainSpecJSON().with("userSpec", [:]).with(fault.path, fault.value)
        #expect(ApplicationSpec.validated(json) == .failure(.unreadable(fault.text)))
    }

    @Test func `a body that is no object is unreadable`() {
        let result = ApplicationSpec.validated([], prefix: "spec.")
        #expect(result == .failure(.unreadable("spec must be a JSON object, not a list")))
    }

    @Test func `what Drove's JSON library takes is taken`() throws {
        let strict = try ApplicationSpec.validated(plainSpecJSON()).get()
        let json = try plainSpecJSON().with("exposedPorts.0.port", "8000").with("exposedPorts.0.type", "http")
            .with("version", 1).with("resources.0.count", .number(1.0)).with("unheardOf", [[:]])
            .with("healthcheck.mode.insecure", "false").with("healthcheck.mode.successCodes", [200, 200])
            .with("executable.type", nil).with("volumes", .null)
        #expect(try ApplicationSpec.validated(json).get() == strict)
    }

    @Test func `the last of repeated members counts`() throws {
        let text = try plainSpecJSON().serialized.dropLast() + #","name":"LAST"}"#
        #expect(try ApplicationSpec.validated(JSON(parsing: String(text))).get().name == "LAST")
    }

    @Test func `absent parts have the contract's defaults`() throws {
        let json = try plainSpecJSON().with(
            "configs",
            [["type": "EXECUTOR_HTTP_FETCH", "localFilename": "/a", "http": ["protocol": "HTTP", "hostname": "h"]]]
        ).with("devices", [["type": "DIRECT", "pathOnHost": "/dev/null"]])
            .with("placementPolicy", ["type": "COMPOSITE", "policies": [["type": "ANY"]]])
        let spec = try ApplicationSpec.validated(json).get()
        #expect(spec.placementPolicy == .composite(policies: [.any], combiner: .and))
        #expect(spec.devices == [.direct(pathOnHost: "/dev/null", pathInContainer: nil, permissions: .all)])
        #expect(spec.configs.map(\.source) == [.executorHTTPFetch(HTTPCallSpec(scheme: .http, hostname: "h"))])
        #expect(spec.logging == nil)
        #expect(spec.id == AppID("TEST_APP-1"))
    }

    @Test func `a specification with every part comes back the same`() throws {
        let spec = fullSpec()
        #expect(try ApplicationSpec.validated(JSON(parsing: spec.json.bytes)).get() == spec)
        #expect(try ApplicationSpec(json: JSON(parsing: spec.json.bytes)) == spec)
        var local = spec
        local.logging = .standard
        local.placementPolicy = .local(hostLevel: true)
        #expect(try ApplicationSpec(json: local.json) == local)
    }

    @Test func `disk is asked for beside cores and memory, once and in bounds`() throws {
        func reading(_ disk: JSON...) -> Result<ApplicationSpec, SpecRefusal> {
            let needed: [JSON] = [["type": "CPU", "count": 1], ["type": "MEMORY", "sizeInMB": 64]]
            return ApplicationSpec.validated(fullSpec().json.with("resources", .array(needed + disk)))
        }
        let spec = try reading(["type": "DISK", "sizeInMB": 1000]).get()
        #expect(spec.resources == ResourceRequirements(cores: 1, memoryMB: 64, diskMB: 1000))
        #expect(try ApplicationSpec(json: spec.json) == spec)
        #expect(try reading().get().resources.diskMB == 0)
        let none: JSON = ["type": "DISK", "sizeInMB": 0]
        #expect(
            reading(none)
                == .failure(.violations(["resources[2].sizeInMB must be greater than or equal to 1"]))
        )
        let some: JSON = ["type": "DISK", "sizeInMB": 1]
        #expect(reading(some, some) == .failure(.violations(["Disk requirements are given more than once"])))
    }

    @Test func `a record is read without checking rules again, but must be whole`() throws {
        var spec = fullSpec()
        spec.resources.cores = 0
        #expect(try ApplicationSpec(json: spec.json) == spec)
        #expect(throws: JSONError("executable - Executable details is required")) {
            try ApplicationSpec(json: fullSpec().json.with("executable", nil))
        }
        #expect(throws: JSONError("Memory requirements are mandatory")) {
            try ApplicationSpec(json: fullSpec().json.with("resources.1", nil))
        }
    }

    @Test func `masked hides inline data and each secret that is there`() throws {
        let masked = fullSpec().masked
        #expect(masked.with("configs", nil) == fullSpec().json.with("configs", nil))
        let configs = try masked.array("configs")
        #expect(configs[0]["data"] == "")
        let http = try configs[2].required("http")
        #expect([http["username"], http["password"], http["authHeader"]] == ["***", "***", "***"])
        #expect(configs[3]["http"]?["password"] == nil)
        #expect(!masked.serialized.contains("secret"))
    }
}
