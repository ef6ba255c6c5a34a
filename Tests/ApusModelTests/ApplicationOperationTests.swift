import ApusModel
import Testing

private let app = AppID("A-1")
private let opSpec: JSON = ["timeout": "5m", "parallelism": 2, "failureStrategy": "stop"]
private let readOpSpec = ClusterOpSpec(timeout: DurationText(5, .minutes), parallelism: 2)

@Suite struct ApplicationOperationTests {
    static let everyOperation: [ApplicationOperation] = [
        .create(fullSpec(), instances: 2048, .standard), .destroy(app, .standard),
        .startInstances(app, instances: 1024, .standard),
        .stopInstances(app, ids: [InstanceID("AI-1"), InstanceID("AI-2")], skipRespawn: true, .standard),
        .scale(app, required: 2048, .standard),
        .replaceInstances(app, ids: [], stopFirst: true, .standard), .suspend(app, .standard), .recover(app),
        .rollout(app, from: AppID("A-0"), .asBefore, .standard),
        .rollout(app, from: AppID("A-0"), .count(2048), .standard),
    ]

    @Test(arguments: everyOperation)
    func `an operation comes back the same`(_ operation: ApplicationOperation) throws {
        #expect(try ApplicationOperation.validated(JSON(parsing: operation.json.bytes)).get() == operation)
        #expect(try ApplicationOperation(json: operation.json) == operation)
        #expect(operation.appID == (operation.typeName == "CREATE" ? AppID("FULL-1-2_3") : app))
    }

    @Test(arguments: ["SCALE", "SCALE_INSTANCES"])
    func `both names of a scale are taken, and texts say SCALE_INSTANCES`(_ type: String) throws {
        let json: JSON = ["appId": "A-1", "requiredInstances": 3, "opSpec": opSpec, "type": .string(type)]
        let operation = try ApplicationOperation.validated(json).get()
        #expect(operation == .scale(app, required: 3, readOpSpec))
        #expect(operation.typeName == "SCALE_INSTANCES")
        #expect(operation.json["type"] == "SCALE")
    }

    @Test func `a rollout may be to a number, to a share, or to as many as before`() throws {
        let json: JSON = ["type": "ROLLOUT", "appId": "A-1", "from": "A-0", "opSpec": opSpec]
        func read(_ size: JSON) throws -> ApplicationOperation {
            try ApplicationOperation.validated(json.with("requiredInstances", size)).get()
        }
        let from = AppID("A-0")
        #expect(try ApplicationOperation.validated(json).get() == .rollout(app, from: from, .asBefore, readOpSpec))
        #expect(try read(3) == .rollout(app, from: from, .count(3), readOpSpec))
        let share = ApplicationOperation.rollout(app, from: from, .share(try CapacityShare(parsing: "7%")), readOpSpec)
        #expect(try read("7%") == share)
        #expect(try ApplicationOperation(json: share.json) == share)
        #expect(share.opSpec == readOpSpec)
    }

    @Test func `the standard is 300 seconds, one at a time, STOP`() {
        #expect(
            ClusterOpSpec.standard.json.serialized
                == #"{"timeout":"300 seconds","parallelism":1,"failureStrategy":"STOP"}"#
        )
        #expect(ApplicationOperation.recover(app).opSpec == .standard)
    }

    /// The operation as sent, without what each row takes away or changes, and the texts that follow.
    static let refused: [(JSON, [String])] = [
        (["type": "CREATE"], ["spec must not be null", "opSpec must not be null"]),
        (
            ["type": "CREATE", "spec": fullSpec().json, "instances": 2049, "opSpec": opSpec],
            ["instances must be less than or equal to 2048"]
        ),
        (
            ["type": "CREATE", "spec": fullSpec().json.with("name", ""), "instances": -1, "opSpec": opSpec],
            ["spec.name - Application name is mandatory", "instances must be greater than or equal to 0"]
        ),
        (["type": "DESTROY"], ["appId must not be null", "opSpec must not be null"]),
        (["type": "DESTROY", "appId": "", "opSpec": opSpec], ["no app id found in operation"]),
        (["type": "SUSPEND", "opSpec": opSpec], ["appId must not be null"]),
        (["type": "RECOVER"], ["appId must not be null"]),
        (
            ["type": "START_INSTANCES", "instances": 1025, "opSpec": opSpec],
            ["appId must not be empty", "instances must be less than or equal to 1024"]
        ),
        (
            ["type": "STOP_INSTANCES", "appId": "A-1", "instanceIds": [], "opSpec": opSpec],
            ["instanceIds must not be empty"]
        ),
        (
            [
                "type": "STOP_INSTANCES", "appId": "A-1", "opSpec": opSpec,
                "instanceIds": .array(Array(repeating: "AI-1", count: 2049)),
            ],
            ["instanceIds size must be at most 2048"]
        ),
        (["type": "STOP_INSTANCES", "appId": "A-1", "opSpec": opSpec], ["instanceIds must not be empty"]),
        (["type": "REPLACE_INSTANCES", "opSpec": opSpec], ["appId must not be empty"]),
        (
            ["type": "SCALE", "appId": "A-1", "requiredInstances": 2049, "opSpec": opSpec],
            ["requiredInstances must be less than or equal to 2048"]
        ),
        (
            ["type": "SCALE", "appId": "A-1", "requiredInstances": -1, "opSpec": opSpec],
            ["requiredInstances must be greater than or equal to 0"]
        ),
        (
            ["type": "SUSPEND", "appId": "A-1", "opSpec": [:]],
            [
                "opSpec.timeout must not be null", "opSpec.parallelism must be greater than or equal to 1",
                "opSpec.failureStrategy must not be null",
            ]
        ),
        (
            ["type": "SUSPEND", "appId": "A-1", "opSpec": opSpec.with("parallelism", 513)],
            ["opSpec.parallelism must be less than or equal to 512"]
        ),
        (["type": "ROLLOUT", "opSpec": opSpec], ["appId must not be empty", "from must not be empty"]),
        (
            ["type": "ROLLOUT", "appId": "A-1", "from": "A-1", "requiredInstances": 0, "opSpec": opSpec],
            [
                "requiredInstances must be greater than or equal to 1",
                "from must be another application than appId",
            ]
        ),
        (
            ["type": "ROLLOUT", "appId": "A-1", "from": "A-0", "requiredInstances": 2049],
            ["requiredInstances must be less than or equal to 2048", "opSpec must not be null"]
        ),
        (.null, ["The request body must not be null"]),
    ]

    @Test(arguments: refused)
    func `each broken rule of an operation is told`(_ json: JSON, _ texts: [String]) {
        #expect(ApplicationOperation.validated(json) == .failure(.violations(texts)))
    }

    @Test func `an unknown operation is unreadable`() {
        guard case .failure(.unreadable(let error)) = ApplicationOperation.validated(["type": "EXPLODE"]) else {
            Issue.record("an unknown operation was taken")
            return
        }
        #expect(error.hasPrefix("type must be one of [CREATE, "))
    }
}
