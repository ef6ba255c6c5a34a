import ApusExecutor
import ApusModel
import Testing

/// What people write in YAML is read as what programs send in JSON.
@Suite struct YAMLTests {
    @Test func `documents are read one by one, and an empty one is told apart`() throws {
        let documents = try JSON.documents(yaml: "---\na: 1\n---\n---\nb: [x, \"2\", true, null]\n")
        #expect(documents == [["a": 1], .null, ["b": ["x", "2", true, .null]]])
        #expect(try JSON.documents(yaml: "").isEmpty)
    }

    @Test func `words and numbers that only look like values stay as they are written`() throws {
        let documents = try JSON.documents(yaml: "{country: no, debug: on, mode: 010, version: 1.10, sum: 1_000}")
        #expect(documents == [["country": "no", "debug": "on", "mode": "010", "version": "1.10", "sum": "1_000"]])
    }

    @Test func `an alias is what it stands for`() throws {
        let documents = try JSON.documents(yaml: "a: &check {timeout: 1s}\nb: *check\n")
        #expect(documents == [["a": ["timeout": "1s"], "b": ["timeout": "1s"]]])
    }

    @Test func `a fault is told with its place, and aliases without end have one`() {
        #expect { try JSON.documents(yaml: "a: [1\nb: 2\n") } throws: { "\($0)".contains("2") }
        #expect(throws: JSONError.self) { try JSON.documents(yaml: "a: *nowhere") }
        #expect { try JSON.documents(yaml: "x: &x {a: 1}\ny:\n  <<: *x\n") } throws: { "\($0)".contains("<<") }
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect { try JSON.documents(yaml: deep) } throws: { "\($0)".contains("nested deeper") }
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect { try JSON.documents(yaml: bomb) } throws: { "\($0)".contains("aliases included") }
    }
}
