import ApusModel
import Testing

/// One rule: the change to a valid specification that breaks it, and the text that says so.
struct BrokenRule: Sendable, CustomTestStringConvertible {
    var path: String
    var value: JSON?
    var text: String

    init(_ path: String, _ value: JSON?, _ text: String) {
        self.path = path
        self.value = value
        self.text = text
    }

    var testDescription: String { "\(path): \(text.prefix(60))" }
}

private let longText: JSON = .string(String(repeating: "/", count: 4097))
private let named = "- Only characters, numbers, hyphen and underscore is allowed"
private let portPattern = #"must match "[a-zA-Z0-9\-_]*""#

private let topRules: [BrokenRule] = [
    BrokenRule("name", nil, "name - Application name is mandatory"),
    BrokenRule("name", "", "name - Application name is mandatory"),
    BrokenRule("name", "a b", "name \(named)"),
    BrokenRule("version", nil, "version - App version is mandatory"),
    BrokenRule("version", "", "version - App version is mandatory"),
    BrokenRule("version", "1.0", "version \(named)"),
    BrokenRule("executable", nil, "executable - Executable details is required"),
    BrokenRule("executable.url", "", "executable.url - Specify url for container"),
    BrokenRule("executable.url", longText, "executable.url size must be between 1 and 4096"),
    BrokenRule(
        "executable.dockerPullTimeout",
        nil,
        "executable.dockerPullTimeout - Specify container fetch (docker pull) timeout"
    ),
    BrokenRule("exposedPorts", nil, "exposedPorts - Port specifications are needed"),
    BrokenRule("exposedPorts.0.name", "", "exposedPorts[0].name must not be empty"),
    BrokenRule("exposedPorts.1", ["name": "a b", "port": 1, "type": "TCP"], "exposedPorts[1].name \(portPattern)"),
    BrokenRule("exposedPorts.0.port", nil, "exposedPorts[0].port - Port cannot be negative or 0"),
    BrokenRule("exposedPorts.0.port", 0, "exposedPorts[0].port - Port cannot be negative or 0"),
    BrokenRule("exposedPorts.0.port", 65536, "exposedPorts[0].port - Port cannot be more than 65K"),
    BrokenRule("exposedPorts.0.type", nil, "exposedPorts[0].type must not be null"),
    BrokenRule("exposedPorts.1", .null, "exposedPorts[1] must not be null"),
    BrokenRule("type", nil, "type - Specify if job is a computation or a service"),
    BrokenRule("env", ["A": .null], "env[A] must not be null"),
    BrokenRule("args", .array(Array(repeating: "", count: 2049)), "args size must be between 0 and 2048"),
    BrokenRule("exposureSpec", ["vhost": "h"], "exposureSpec.portName - Name of the port that needs to be exposed"),
    BrokenRule(
        "exposureSpec",
        ["portName": "main"],
        "exposureSpec.vhost - Please provide virtual host name this app will be exposed as"
    ),
    BrokenRule("userSpec", [:], "userSpec.user must not be empty"),
]

private let resourceRules: [BrokenRule] = [
    BrokenRule("resources", nil, "resources - CPU/Memory requirements must be specified"),
    BrokenRule("resources", [], "resources - CPU/Memory requirements must be specified"),
    BrokenRule("resources.0.count", 0, "resources[0].count must be greater than or equal to 1"),
    BrokenRule("resources.0.count", 4097, "resources[0].count must be less than or equal to 4096"),
    BrokenRule("resources.1.sizeInMB", -5, "resources[1].sizeInMB must be greater than or equal to 1"),
    BrokenRule(
        "resources.1.sizeInMB",
        1_099_511_627_777,
        "resources[1].sizeInMB must be less than or equal to 1099511627776"
    ),
    BrokenRule("resources.0", nil, "Cpu requirements are mandatory"),
    BrokenRule("resources.1", nil, "Memory requirements are mandatory"),
    BrokenRule("resources.2", ["type": "CPU", "count": 1], "Cpu requirements are given more than once"),
    BrokenRule("resources.2", ["type": "MEMORY", "sizeInMB": 1], "Memory requirements are given more than once"),
]

private let checkRules: [BrokenRule] = [
    BrokenRule("healthcheck", nil, "healthcheck must not be null"),
    BrokenRule("readiness", nil, "readiness must not be null"),
    BrokenRule("healthcheck.mode", nil, "healthcheck.mode must not be null"),
    BrokenRule("healthcheck.timeout", nil, "healthcheck.timeout must not be null"),
    BrokenRule("readiness.interval", nil, "readiness.interval must not be null"),
    BrokenRule("healthcheck.attempts", nil, "healthcheck.attempts must be greater than or equal to 1"),
    BrokenRule("healthcheck.attempts", 0, "healthcheck.attempts must be greater than or equal to 1"),
    BrokenRule("readiness.attempts", 101, "readiness.attempts must be less than or equal to 100"),
    BrokenRule("healthcheck.mode.protocol", nil, "healthcheck.mode.protocol must not be null"),
    BrokenRule("healthcheck.mode.portName", "", "healthcheck.mode.portName must not be empty"),
    BrokenRule("healthcheck.mode.path", nil, "healthcheck.mode.path must not be empty"),
    BrokenRule("healthcheck.mode.verb", nil, "healthcheck.mode.verb must not be null"),
    BrokenRule("healthcheck.mode.successCodes", [], "healthcheck.mode.successCodes must not be empty"),
    BrokenRule("readiness.mode.command", "", "readiness.mode.command must not be empty"),
    BrokenRule(
        "preShutdown",
        ["hooks": [["type": "CMD"]]],
        "preShutdown.hooks[0].command must not be empty"
    ),
]

private let partRules: [BrokenRule] = [
    BrokenRule(
        "volumes",
        [["pathOnHost": "/h", "mode": "READ_ONLY"]],
        "volumes[0].pathInContainer - Provide mount path inside container"
    ),
    BrokenRule(
        "volumes",
        [["pathInContainer": "/c", "mode": "READ_ONLY"]],
        "volumes[0].pathOnHost - Provide host directory to mount"
    ),
    BrokenRule(
        "volumes",
        [["pathInContainer": "/c", "pathOnHost": "/h"]],
        "volumes[0].mode - Specify whether mount is read-only or read-write"
    ),
    BrokenRule(
        "volumes",
        [["pathInContainer": longText, "pathOnHost": "/h", "mode": "READ_ONLY"]],
        "volumes[0].pathInContainer size must be between 1 and 4096"
    ),
    BrokenRule(
        "volumes",
        [["pathInContainer": "/c", "pathOnHost": longText, "mode": "READ_ONLY"]],
        "volumes[0].pathOnHost size must be between 1 and 4096"
    ),
    BrokenRule(
        "preShutdown",
        ["waitBeforeKill": "3601 s"],
        "preShutdown.waitBeforeKill must be at most 1 hour, not 3601 seconds"
    ),
    BrokenRule("configs", [["type": "INLINE", "data": ""]], "configs[0].localFilename must not be empty"),
    BrokenRule("configs", [["type": "INLINE", "localFilename": "/a"]], "configs[0].data must not be null"),
    BrokenRule(
        "configs",
        [["type": "EXECUTOR_LOCAL_FILE", "localFilename": "/a"]],
        "configs[0].filePathOnHost must not be empty"
    ),
    BrokenRule(
        "configs",
        [["type": "CONTROLLER_HTTP_FETCH", "localFilename": "/a"]],
        "configs[0].http must not be null"
    ),
    BrokenRule(
        "configs",
        [["type": "EXECUTOR_HTTP_FETCH", "localFilename": "/a", "http": ["protocol": "HTTP"]]],
        "configs[0].http.hostname must not be empty"
    ),
    BrokenRule(
        "configs",
        [["type": "EXECUTOR_HTTP_FETCH", "localFilename": "/a", "http": ["hostname": "h"]]],
        "configs[0].http.protocol must not be null"
    ),
    BrokenRule(
        "configs",
        [
            [
                "type": "EXECUTOR_HTTP_FETCH", "localFilename": "/a",
                "http": ["protocol": "HTTP", "hostname": "h", "port": 65536],
            ]
        ],
        "configs[0].http.port must be between 0 and 65535"
    ),
    BrokenRule(
        "logging",
        ["type": "LOCAL", "maxFiles": 1],
        "logging.maxSize - Specify max size of logs. Use 10m, 1g etc. Files bigger than this will be rotated"
    ),
    BrokenRule(
        "logging",
        ["type": "LOCAL", "maxSize": "1m"],
        "logging.maxFiles - At least one log will be present, so min value is 1"
    ),
    BrokenRule(
        "logging",
        ["type": "LOCAL", "maxSize": "1m", "maxFiles": 101],
        "logging.maxFiles - Maximum 100 log files can be retained"
    ),
    BrokenRule("logging", ["type": "RSYSLOG"], "logging.server - Rsyslog server url should be passed here"),
    BrokenRule("devices", [["type": "DIRECT"]], "devices[0].pathOnHost must not be empty"),
]

private let policyRules: [BrokenRule] = [
    BrokenRule(
        "placementPolicy",
        ["type": "MAX_N_PER_HOST"],
        "placementPolicy.max - Min one hose needs to be specified"
    ),
    BrokenRule(
        "placementPolicy",
        ["type": "MAX_N_PER_HOST", "max": 65],
        "placementPolicy.max - Maximum 64 containers can be specified per host"
    ),
    BrokenRule("placementPolicy", ["type": "MATCH_TAG"], "placementPolicy.tag - Tag is mandatory"),
    BrokenRule(
        "placementPolicy",
        ["type": "RULE_BASED", "ruleType": "HOPE"],
        "placementPolicy.rule - Specify a rule to select/reject node based"
    ),
    BrokenRule(
        "placementPolicy",
        ["type": "RULE_BASED", "rule": "true"],
        "placementPolicy.ruleType must not be null"
    ),
    BrokenRule(
        "placementPolicy",
        ["type": "COMPOSITE"],
        "placementPolicy.policies - Specify one or more policies to combine"
    ),
    BrokenRule(
        "placementPolicy",
        ["type": "COMPOSITE", "policies": [["type": "MATCH_TAG"]]],
        "placementPolicy.policies[0].tag - Tag is mandatory"
    ),
    BrokenRule("placementPolicy", ["type": "LOCAL"], "Local service placement is not allowed for apps"),
    BrokenRule(
        "placementPolicy",
        ["type": "COMPOSITE", "policies": [["type": "LOCAL"]]],
        "Local service placement is not allowed for apps"
    ),
    BrokenRule("placementPolicy", nested(17), "placementPolicy must not be nested deeper than 16 levels"),
]

private let wholeRules: [BrokenRule] = [
    BrokenRule(
        "name",
        .string(String(repeating: "n", count: 159)),
        "Name and version can have at most 159 characters together"
    ),
    BrokenRule(
        "exposedPorts.1",
        ["name": .string(String(repeating: "p", count: 65)), "port": 1, "type": "TCP"],
        "exposedPorts[1].name size must be between 1 and 64"
    ),
    BrokenRule(
        "exposedPorts",
        .array((0..<65).map { ["name": .string($0 == 0 ? "main" : "p\($0)"), "port": 1, "type": "TCP"] }),
        "exposedPorts size must be between 1 and 64"
    ),
    BrokenRule(
        "healthcheck.mode.portName",
        "admin",
        "Invalid port name for health check: admin. Available ports: [main]"
    ),
    BrokenRule(
        "readiness.mode",
        [
            "type": "HTTP", "protocol": "HTTP", "portName": "admin", "path": "/", "verb": "GET", "successCodes": [200],
        ],
        "Invalid port name for health check: admin. Available ports: [main]"
    ),
    BrokenRule(
        "exposureSpec",
        ["vhost": "h", "portName": "admin"],
        "Exposed port name admin is undefined. Defined port names: [main]"
    ),
    BrokenRule(
        "exposedPorts.1",
        ["name": "main", "port": 1, "type": "TCP"],
        "Port name main is defined more than once. Defined port names: [main, main]"
    ),
    BrokenRule(
        "args",
        [.string(String(repeating: "x", count: 2048)), ""],
        "Maximum combined length of command line arguments can be 2048"
    ),
    BrokenRule(
        "env",
        ["BIG": .string(String(repeating: "x", count: 192 * 1024))],
        "The specification is 197273 bytes long as JSON, at most 163840 are allowed. "
            + "Fetch large configuration files instead of sending them inline"
    ),
]

/// A policy of that many levels.
private func nested(_ levels: Int) -> JSON {
    levels == 1 ? ["type": "ANY"] : ["type": "COMPOSITE", "policies": [nested(levels - 1)]]
}

@Suite struct SpecViolationTests {
    @Test(arguments: topRules + resourceRules + checkRules + partRules + policyRules + wholeRules)
    func `each broken rule is told in its own words and alone`(_ rule: BrokenRule) throws {
        let json = try plainSpecJSON().with(rule.path, rule.value)
        #expect(ApplicationSpec.validated(json) == .failure(.violations([rule.text])))
    }

    @Test func `all violations come in one answer, those across fields last`() throws {
        let json = try plainSpecJSON().with("name", nil).with("exposedPorts.0.port", 70_000)
            .with("healthcheck.mode.portName", "x").with("resources.1", nil).with("readiness.attempts", 0)
        let refusal = SpecRefusal.violations([
            "spec.name - Application name is mandatory",
            "spec.exposedPorts[0].port - Port cannot be more than 65K",
            "spec.readiness.attempts must be greater than or equal to 1",
            "Memory requirements are mandatory",
            "Invalid port name for health check: x. Available ports: [main]",
        ])
        #expect(ApplicationSpec.validated(json, prefix: "spec.") == .failure(refusal))
        #expect(refusal.message == "Command validation failure")
    }

    @Test func `an empty object is told everything that is needed`() {
        guard case .failure(let refusal) = ApplicationSpec.validated([:]) else {
            Issue.record("an empty specification was taken")
            return
        }
        #expect(refusal.errors.count == 8)
    }

    @Test func `a request of a megabyte that breaks rules as often as it can gets a short answer`() throws {
        let twice = JSON.array((0..<70_000).map { ["name": .string("p\($0 / 2)"), "port": 1, "type": "TCP"] })
        guard case .failure(let ports) = ApplicationSpec.validated(try plainSpecJSON().with("exposedPorts", twice))
        else {
            Issue.record("70,000 ports were taken")
            return
        }
        #expect(ports.errors.first == "exposedPorts size must be between 1 and 64")
        #expect(ports.errors.count == 2, "that and the size")
        let long = JSON.string(String(repeating: "p", count: 200_000))
        let names = JSON.array((0..<4).map { ["name": $0 == 0 ? "main" : long, "port": 1, "type": "TCP"] })
        guard case .failure(let told) = ApplicationSpec.validated(try plainSpecJSON().with("exposedPorts", names))
        else {
            Issue.record("names of 200 KB were taken")
            return
        }
        #expect(told.errors.joined().utf8.count < 1_000)
        let broken = JSON.array(Array(repeating: ["name": "", "port": 0], count: 5_000))
        guard case .failure(let many) = ApplicationSpec.validated(try plainSpecJSON().with("exposedPorts", broken))
        else {
            Issue.record("ports without names were taken")
            return
        }
        #expect(many.errors.count == 102, "a hundred of the fields, one of the whole, and how many more")
        #expect(many.errors.last == "and 14901 more")
    }

    @Test func `no body is a violation of its own`() {
        #expect(ApplicationSpec.validated(.null) == .failure(.violations(["The request body must not be null"])))
    }

    @Test func `what lies exactly on a limit is taken`() throws {
        let json = try plainSpecJSON().with("placementPolicy", nested(16)).with("exposedPorts.0.port", 65_535)
            .with("resources.0.count", 4096).with("preShutdown", ["waitBeforeKill": "1h"])
            .with("healthcheck.attempts", 100).with("args", [.string(String(repeating: "x", count: 2048))])
        #expect(throws: Never.self) { try ApplicationSpec.validated(json).get() }
    }
}
