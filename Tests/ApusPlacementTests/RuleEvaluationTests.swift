import ApusModel
import ApusPlacement
import Testing

/// What rules say of facts (contract §5.4).
struct RuleEvaluationTests {
    private let facts: JSON = [
        "executorNodeId": "e1",
        "allocatedExecutorNodeMetadata": ["rack": "r1", "Cores": "56", "a/b": "slash"],
        "allExecutorMetadata": .object([]),
        "applicationEnvironment": ["TIER": "gold"],
        "n": 4, "half": .number(0.5), "yes": true, "list": ["r1", "r2"], "none": .null,
    ]

    private func says(_ text: String) -> Result<Bool, RuleError> {
        do throws(RuleError) {
            return .success(try RuleEvaluation(facts).accepts(PlacementRule(text)))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        "'/allocatedExecutorNodeMetadata/rack' == 'r1'",
        "'/allocatedExecutorNodeMetadata/rack' != 'r2' && '/applicationEnvironment/TIER' == 'gold'",
        "'/allocatedExecutorNodeMetadata/a~1b' == 'slash'",
        "'/executorNodeId' == \"e1\"",
        "'/n' == 4 && '/n' > 3.5 && '/n' >= 4 && '/n' < 5 && '/n' <= 4.0",
        "'/n' + 2 > 5 && '/n' - 5 == -1 && 2 + 3 == 5",
        "'/yes' & !('/n' == 5) && !false && ^false",
        "('/n' == 5) || ('/n' == 4)",
        "'/n' != '4'", "'/yes' == true",
        "arr.in('/allocatedExecutorNodeMetadata/rack', ['r9', 'r1'])",
        "arr.in('/allocatedExecutorNodeMetadata/rack', '/list') == true && arr.not_in('r3', '/list')",
        "pointer.exists('/allocatedExecutorNodeMetadata/rack') && path.exists('/nowhere') == false && !path.exists('/none')",
        "str.len('/allocatedExecutorNodeMetadata/rack') == 2 && str.upper('/executorNodeId') == 'E1'",
        "str.substr('abcdef', 0, 3) == 'abc' && str.substr('abcdef', 3) == 'def' && str.lower('AB') == 'ab'",
        "math.add(1, 2, '/n') == 7 && math.sub(1, 2) == -1 && math.prod(2, 3, '/n') == 24 && math.div(1, 2) == '/half'",
        "math.mod(7, 4) == 3 && math.abs(-2) == 2 && math.negate(2) == -2 && math.floor(1.7) == 1 && math.ceil(1.2) == 2",
        "math.div(1, 0) > 1000000",
    ])
    func `a rule that holds says yes`(text: String) {
        #expect(says(text) == .success(true))
        #expect(says("!(\(text))") == .success(false))
    }

    @Test(arguments: [
        ("'/allocatedExecutorNodeMetadata/zone' == 'z1'", "there is no /allocatedExecutorNodeMetadata/zone"),
        ("'/allocatedExecutorNodeMetadata/Cores' > 4", "/allocatedExecutorNodeMetadata/Cores is a text, not a number"),
        ("'/none' == 1", "there is no /none"),
        ("'/allExecutorMetadata' == 1", "/allExecutorMetadata is no text, number, true or false"),
        ("'/executorNodeId'", "/executorNodeId is not true or false"),
        ("arr.in('a', '/executorNodeId')", "/executorNodeId is not a list"),
        ("str.substr('abc', 2, 9) == ''", "str.substr reaches beyond a text of 3 characters"),
        ("str.substr('abc', 0.5) == ''", "str.substr reaches beyond a text of 3 characters"),
        ("str.len(3) == 1", "3.0 is a number, not a text"),
        (
            "'/a' ==",
            "at character 8: the rule ends, but a value: '/a/json/pointer', 'a text', a number, true, false or a function is wanted here"
        ),
    ])
    func `a rule that cannot be evaluated says why`(text: String, expected: String) {
        #expect(says(text) == .failure(RuleError(expected)))
    }

    // MARK: as a policy

    private var ledger: Ledger {
        var ledger = Ledger()
        for (name, rack) in [("e0", "r1"), ("e1", "r2"), ("e2", nil)] {
            let traits = HostTraits(
                hostname: name,
                tags: name == "e1" ? ["ssd"] : [],
                metadata: rack.map { ["rack": $0] } ?? [:]
            )
            ledger.offer(ExecutorID(name), topology: .pinned(cores: [4]), traits: traits)
        }
        return ledger
    }

    private func answers(_ rule: String, environment: [String: String] = [:]) -> [ExecutorID: RefusalReason?] {
        var request = request("a", policy: .ruleBased(PlacementRule(rule)))
        request.environment = environment
        return ledger.explain(request)
    }

    private let e0 = ExecutorID("e0")
    private let e1 = ExecutorID("e1")
    private let e2 = ExecutorID("e2")

    @Test func `RULE_BASED takes the executors for which the rule holds, tagged ones too`() {
        let fails = RefusalReason.ruleFails("there is no /allocatedExecutorNodeMetadata/rack")
        #expect(answers("'/allocatedExecutorNodeMetadata/rack' == 'r2'") == [e0: .ruledOut, e1: nil, e2: fails])
        #expect(answers("arr.in('/executorNodeId', ['e0', 'e2'])") == [e0: nil, e1: .ruledOut, e2: nil])
        #expect(
            answers(
                "'/allocatedExecutorNodeMetadata/rack' == '/applicationEnvironment/RACK'",
                environment: ["RACK": "r1"]
            )
                == [e0: nil, e1: .ruledOut, e2: fails]
        )
    }

    @Test func `a rule combines with other policies, and says why it takes nobody`() {
        var ledger = ledger
        let rule = PlacementPolicy.ruleBased(PlacementRule("'/allocatedExecutorNodeMetadata/rack' != 'r9'"))
        let policy = PlacementPolicy.composite(policies: [rule, .onePerHost], combiner: .and)
        #expect(ledger.placed(request("a", policy: policy)).hasPrefix("e"))
        #expect(ledger.placed(request("b", policy: policy)).hasPrefix("e"))
        #expect(
            ledger.placed(request("c", policy: policy)) == """
                0 of 3 executors fit: 2 already runs an instance of it, 1 where the policy's rule cannot be evaluated \
                (there is no /allocatedExecutorNodeMetadata/rack)
                """
        )
    }

    @Test func `what is not needed is not looked at`() {
        #expect(says("true || '/gone' == 1") == .success(true))
        #expect(says("false && '/gone' == 1") == .success(false))
    }
}
