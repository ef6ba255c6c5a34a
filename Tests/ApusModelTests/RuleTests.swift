import ApusModel
import Testing

/// Rules of RULE_BASED in HOPE: what is read, and what is refused and why.
struct RuleTests {
    private func error(_ text: String) -> String? {
        if case .failure(let error) = PlacementRule(text).expression { error.description } else { nil }
    }

    @Test(arguments: [
        "'/allocatedExecutorNodeMetadata/rack' == 'r1'",
        #""/allocatedExecutorNodeMetadata/rack" != "r1""#,
        "'/a' + 2 > 3", "'/a' + '/b' <= math.abs('/c')", "2 -3 < .5 - 5. + -1",
        "((3 >= 2) && (2 < 5)) || 2 == 2", "^false", "!('/a' == true) & TRUE",
        "arr.in('/a', ['x', \"y\", 3, true]) == true", "arr.not_in('/a', [])",
        "path.exists('/a/b~1c/d~0e') && pointer.exists('/x') == false",
        "str.substr(str.lower('/a'), 0, 3) == 'abc' && math.neg(math.add(1, 2, '/b')) < 0",
        #"'it\'s' == 'a \"b\" \\ \n'"#, "true",
    ])
    func `what HOPE documents is read`(text: String) {
        #expect(error(text) == nil)
    }

    @Test(arguments: [
        ("", "at character 1: the rule ends, but a value"),
        ("'/a' = 'b'", "at character 6: = means nothing here"),
        ("'/a' == ", "at character 9: the rule ends, but a value"),
        ("'/a' == 'b", "at character 9: this quotation does not end"),
        ("'/a' == 'b' 'c'", "at character 13: &&, || or the end is wanted here"),
        ("'/a' == 'b' && ('c' == 'd'", "at character 27: the rule ends, but &&, || or ) is wanted here"),
        ("true && false || true", "at character 15: && and || in one row: put parentheses around"),
        ("'r1'", "at character 1: true or false is wanted here"),
        ("'$.a.b' == 1", "at character 1: JSON paths ($.a.b) are not supported: write a JSON pointer"),
        ("'/a~2' == 1", "at character 1: in a JSON pointer ~ is followed by"),
        ("rack == 'r1'", "at character 1: rack is not known; texts stand in quotes; functions are path.exists,"),
        ("'/a' == null", "at character 9: null is not known"),
        ("str.match('(a?)*b', '/a') == true", "at character 1: str.match is not known"),
        ("str.len('/a', 'b') == 1", "at character 1: str.len takes 1 arguments, not 2"),
        ("path.exists('a')", "at character 1: path.exists takes a JSON pointer"),
        ("arr.in('/a', 'b')", "at character 1: arr.in takes a list"),
        ("str.len([1]) == 1", "at character 1: str.len takes no list there"),
        ("'a\\q' == 'b'", "at character 3: \\q stands for nothing"),
        ("1.2.3 == 1", "at character 1: 1.2.3 is no number"),
        ("1 == 1 == 1", "at character 8: &&, || or the end is wanted here"),
        ("new java.lang.ProcessBuilder('sh')", "at character 1: new is not known"),
    ])
    func `what means nothing is refused with its place`(text: String, expected: String) {
        let error = error(text) ?? "nothing"
        #expect(error.hasPrefix(expected), "\(error)")
    }

    @Test func `a rule is bounded in length and in depth`() {
        let deep = String(repeating: "(", count: 33) + "true" + String(repeating: ")", count: 33)
        #expect(error(deep) == "at character 34: parentheses and calls are nested deeper than 32 levels")
        #expect(error(String(deep.dropFirst().dropLast())) == nil)
        let calls = String(repeating: "math.abs(", count: 400) + "1" + String(repeating: ")", count: 400) + " == 1"
        #expect(error(calls)?.contains("nested deeper") == true)
        #expect(error("true" + String(repeating: " ", count: 4093)) == "it may have at most 4096 bytes")
        let sum = Array(repeating: "1", count: 1000).joined(separator: "+") + " == 1000"
        #expect(error(sum) == nil)
        #expect(error(String(repeating: "!", count: 4000))?.contains("a value") == true)
        #expect(error(String(repeating: "9", count: 4000) + " == 1")?.contains("is no number") == true)
    }

    @Test func `a specification whose rule means nothing, or is MVEL, is refused with the reason`() {
        func violations(_ rule: String, _ type: String) -> [String] {
            let json: JSON = ["type": "RULE_BASED", "rule": .string(rule), "ruleType": .string(type)]
            guard case .failure(let refusal) = PlacementPolicy.validated(json, prefix: "placementPolicy.") else {
                return []
            }
            return refusal.errors
        }
        #expect(violations("'/executorNodeId' == 'x'", "HOPE").isEmpty)
        #expect(violations("'/a' ==", "hope").first?.hasPrefix("placementPolicy.rule - at character 8: ") == true)
        #expect(
            violations("true", "MVEL") == [
                "placementPolicy.ruleType - MVEL runs any Java code and is not supported by Apus: write the rule in HOPE"
            ]
        )
    }

    @Test func `a recorded rule that means nothing any more is still read`() throws {
        let json: JSON = ["type": "RULE_BASED", "rule": "gone(", "ruleType": "HOPE"]
        #expect(try PlacementPolicy(json: json).json == json)
    }
}
