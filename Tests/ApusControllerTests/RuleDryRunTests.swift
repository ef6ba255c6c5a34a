import ApusController
import ApusModel
import ApusTestKit
import Testing

/// `POST /v1/applications/placementpolicy/rule/dryrun` (contract §1.1).
@Suite struct RuleDryRunTests {
    private static func dryRun(_ rule: String, type: String = "HOPE") async throws -> (status: Int, json: JSON?) {
        try await withController(store: MemoryStore()) { controller in
            let policy: JSON = ["type": "RULE_BASED", "rule": .string(rule), "ruleType": .string(type)]
            let facts: JSON = ["allocatedExecutorNodeMetadata": ["rack": "r1"]]
            let body: JSON = ["ruleBasedPlacementPolicy": policy, "schedulingInfo": facts]
            let answer = await controller.post("applications/placementpolicy/rule/dryrun", body.serialized)
            return (answer.status, answer.json)
        }
    }

    @Test(arguments: [("r1", true), ("r2", false)])
    func `a rule is tried on the facts that come with it`(_ rack: String, _ accepts: Bool) async throws {
        let answer = try await Self.dryRun("'/allocatedExecutorNodeMetadata/rack' == '\(rack)'")
        #expect(answer.status == 200)
        #expect(
            answer.json?["data"]?.serialized
                == #"{"status":true,"checkResult":{"status":"SUCCESS","error":""},"#
                + #""evalResult":{"status":"SUCCESS","result":\#(accepts),"error":""}}"#
        )
    }

    @Test func `a rule that asks for what is not there says so`() async throws {
        let answer = try await Self.dryRun("'/allocatedExecutorNodeMetadata/zone' == 'z'")
        #expect(
            answer.json?["data"]?.serialized
                == #"{"status":false,"checkResult":{"status":"SUCCESS","error":""},"#
                + #""evalResult":{"status":"FAILURE","result":false,"#
                + #""error":"there is no /allocatedExecutorNodeMetadata/zone"}}"#
        )
    }

    @Test(arguments: [("'/a' ==", "HOPE", "at character 8: "), ("true", "MVEL", "MVEL runs any Java code")])
    func `a rule that means nothing is not evaluated`(_ rule: String, _ type: String, _ text: String) async throws {
        let data = try await Self.dryRun(rule, type: type).json?["data"]
        #expect(data?["status"] == false)
        #expect(data?["checkResult"]?.text?.hasPrefix(text) == true)
        #expect(data?["evalResult"] == ["status": "FAILURE", "error": "Not evaluated"])
    }

    @Test func `a dry run without a rule is refused`() async throws {
        try await withController(store: MemoryStore()) { controller in
            let answer = await controller.post("applications/placementpolicy/rule/dryrun", "{}")
            #expect(answer.status == 400)
            #expect(
                answer.json?["data"]?["validationErrors"] == ["ruleBasedPlacementPolicy must not be null"]
            )
        }
    }
}
