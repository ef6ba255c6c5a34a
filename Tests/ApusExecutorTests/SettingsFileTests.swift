import ApusClient
import ApusExecutor
import Foundation
import Testing

/// A configuration file as it is written.
@Suite struct SettingsFileTests {
    private func settings(_ text: String) throws -> [WrittenSetting] {
        try SettingsFile.settings(in: text, of: "x.yaml")
    }

    @Test func `each setting is read with its line, and as it is written`() throws {
        let text = """
            # a comment
            address: 0.0.0.0:11000

            multiplier: 010
            task-cpu-weight: 1.50
            pinned: true
            tag: [a, "b c", 3]
            metadata:
              rack: r7
              "key one": ""
            """
        #expect(
            try settings(text) == [
                WrittenSetting("address", line: 2, .text("0.0.0.0:11000")),
                WrittenSetting("multiplier", line: 4, .text("010")),
                WrittenSetting("task-cpu-weight", line: 5, .text("1.50")),
                WrittenSetting("pinned", line: 6, .text("true")),
                WrittenSetting("tag", line: 7, .list(["a", "b c", "3"])),
                WrittenSetting("metadata", line: 8, .pairs([.init("rack", "r7"), .init("key one", "")])),
            ]
        )
        let json = try settings("{\"address\": \"a\",\n \"pinned\": false, \"tag\": [\"b\"]}")
        #expect(json.map(\.name) == ["address", "pinned", "tag"] && json.map(\.line) == [1, 2, 2])
        #expect(try settings("# nothing\n").isEmpty && settings("").isEmpty)
    }

    @Test(arguments: [
        ("a: 1\nb:\n", "x.yaml:2: b has no value"), ("b: null\n", "x.yaml:1: b has no value"),
        ("b: [1, [2]]\n", "x.yaml:1: an element of b must be one value"),
        ("b:\n  - 1\n  -\n", "x.yaml:3: an element of b has no value"),
        ("b:\n  c:\n    d: 1\n", "b.c must be one value"), ("- a\n", "x.yaml must hold lines"),
        ("text\n", "x.yaml must hold lines"), ("a: [1\n", "x.yaml is neither YAML nor JSON"),
        ("a: 1\na: 2\n", "duplicated key"), ("a: 1\n---\nb: 2\n", "x.yaml is neither YAML nor JSON"),
    ])
    func `what is no mapping of settings is refused with its place`(_ text: String, _ reason: String) {
        #expect { try settings(text) } throws: { "\($0)".contains(reason) }
    }

    @Test func `a file that others can write, or that is not there, is refused`() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/node.yaml"
        try "address: a\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(try SettingsFile.read(path).map(\.name) == ["address"])
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
        #expect { try SettingsFile.read(path) } throws: { "\($0)".contains("chmod go-w") }
        #expect { try SettingsFile.read("/no/such/file") } throws: { "\($0)".contains("there is no such file") }
    }
}
