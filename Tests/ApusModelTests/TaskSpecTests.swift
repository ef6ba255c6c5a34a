import ApusModel
import Testing

private func taskJSON() throws -> JSON {
    try JSON(
        parsing: """
            {"sourceAppName":"SRC","taskId":"T1",
             "executable":{"type":"DOCKER","url":"job:1","dockerPullTimeout":"100s"},
             "resources":[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}]}
            """
    )
}

private let named = "- Only characters, numbers, hyphen and underscore is allowed"

/// The contract's §3.2 and §4.7.
@Suite struct TaskSpecTests {
    @Test(arguments: [
        BrokenRule("sourceAppName", nil, "sourceAppName - Source Application name is mandatory"),
        BrokenRule("sourceAppName", "", "sourceAppName - Source Application name is mandatory"),
        BrokenRule("sourceAppName", "a/b", "sourceAppName \(named)"),
        BrokenRule("taskId", nil, "taskId - Task ID is mandatory"),
        BrokenRule("taskId", "../x", "taskId \(named)"),
        BrokenRule("executable", nil, "executable - Executable details is required"),
        BrokenRule("resources", nil, "resources - CPU/Memory requirements must be specified"),
        BrokenRule("resources.1", nil, "Memory requirements are mandatory"),
        BrokenRule("args", .array(Array(repeating: "", count: 2049)), "args size must be between 0 and 2048"),
        BrokenRule(
            "args",
            .array([.string(String(repeating: "x", count: 2049))]),
            "Maximum combined length of command line arguments can be 2048"
        ),
        BrokenRule("placementPolicy", ["type": "LOCAL"], "Local service placement is not allowed for tasks"),
        BrokenRule(
            "taskId",
            .string(String(repeating: "x", count: 160)),
            "Source application name and task id can have at most 159 characters together"
        ),
        BrokenRule(
            "volumes",
            [["pathOnHost": "/a", "mode": "READ_ONLY"]],
            "volumes[0].pathInContainer - Provide mount path inside container"
        ),
        BrokenRule("userSpec", [:], "userSpec.user must not be empty"),
    ])
    func `each broken rule is told in its own words and alone`(_ rule: BrokenRule) throws {
        let json = try taskJSON().with(rule.path, rule.value)
        #expect(TaskSpec.validated(json) == .failure(.violations([rule.text])))
    }

    @Test func `a whole specification comes back the same`() throws {
        let full = fullSpec()
        let spec = TaskSpec(
            sourceAppName: "SRC",
            taskID: "T-1_2",
            executable: full.executable,
            volumes: full.volumes,
            configs: full.configs,
            logging: full.logging,
            resources: full.resources,
            placementPolicy: full.placementPolicy,
            tags: ["a": "b"],
            env: ["X": "", "Y": "1"],
            args: ["sh", "-c", "exit 3"],
            devices: full.devices,
            userSpec: full.userSpec
        )
        #expect(try TaskSpec(json: spec.json) == spec)
        #expect(spec.id.runID == "SRC-T-1_2")
        let operation = TaskOperation.create(spec, .standard)
        #expect(try TaskOperation(json: operation.json) == operation)
        let kill = TaskOperation.kill(spec.id, .standard)
        #expect(try TaskOperation(json: kill.json) == kill)
    }

    @Test func `a task's id reads back only from its own form`() {
        #expect(TaskID(rawValue: "a-b/c")?.runID == "a-b-c")
        #expect(TaskID(rawValue: "a/b-c") != TaskID(rawValue: "a-b/c"), "though both run as a-b-c")
        #expect(TaskID(rawValue: "a") == nil)
        #expect(TaskID(rawValue: "a/") == nil)
        #expect(TaskID(rawValue: "/b") == nil)
        #expect(TaskID(rawValue: "a/b/c") == nil)
    }

    @Test func `an operation on a task needs both its names`() throws {
        let kill = try JSON(
            parsing: #"{"type":"KILL","opSpec":{"timeout":"1m","parallelism":1,"failureStrategy":"STOP"}}"#
        )
        #expect(
            TaskOperation.validated(kill)
                == .failure(.violations(["sourceAppName must not be empty", "taskId must not be empty"]))
        )
    }

    @Test func `what is not built yet is named`() throws {
        let spec = try TaskSpec(json: try taskJSON())
        #expect(Workload.task(spec).partsNotBuilt.isEmpty)
        var ruled = spec
        ruled.placementPolicy = .local(hostLevel: true)
        #expect(Workload.task(ruled).partsNotBuilt.count == 1)
        ruled.placementPolicy = .composite(policies: [.matchTag("gpu"), .noTag], combiner: .or)
        ruled.configs = fullSpec().configs
        #expect(Workload.task(ruled).partsNotBuilt.isEmpty)
    }
}
