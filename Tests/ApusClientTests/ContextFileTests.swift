import ApusClient
import ApusTestKit
import Foundation
import Testing

/// The file of contexts that Drove's own command line keeps.
@Suite struct ContextFileTests {
    private static let text = """
        # mine
        [DEFAULT]
        current_cluster = prod
        insecure: false
        ; a note

        [prod]
        # about prod
        Endpoint = https://a.example
        username = u
        password = a%%b
          second line

        [dev]
        endpoint=http://x:1
        # about last
        [last]
          endpoint = http://y
          auth_header = Bearer = x

        """

    private static func described(_ file: ContextFile) -> [String] {
        file.contexts.map { context in
            "\(context.name): " + context.entries.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }
    }

    @Test func `contexts have what DEFAULT gives them, keys in any case, values over several lines`() throws {
        let file = try ContextFile(parsing: Self.text)
        #expect(
            Self.described(file) == [
                "prod: insecure=false endpoint=https://a.example username=u password=a%b\nsecond line",
                "dev: insecure=false endpoint=http://x:1",
                "last: insecure=false endpoint=http://y auth_header=Bearer = x",
            ]
        )
        #expect(file.current == "prod")
        #expect(file.contexts[0].entries.map(\.shown) == ["false", "https://a.example", "u", "****"])
        #expect(file.text == Self.text)
        #expect(try ContextFile(parsing: Self.text.replacing("\n", with: "\r\n")).contexts == file.contexts)
    }

    @Test func `changes leave comments and all other lines as they are`() throws {
        var file = try ContextFile(parsing: Self.text)
        try file.use("dev")
        #expect(file.text == Self.text.replacing("current_cluster = prod", with: "current_cluster = dev"))
        try file.remove("dev")
        #expect(file.current == nil)
        #expect(
            file.text
                == Self.text.replacing("current_cluster = prod\n", with: "")
                .replacing("[dev]\nendpoint=http://x:1\n", with: "")
        )
        let before = file.text
        try file.add("new", [ContextFile.Entry("endpoint", "http://z"), ContextFile.Entry("password", "50%")])
        #expect(file.text == before + "\n[new]\nendpoint = http://z\npassword = 50%%\n")
        #expect(file.contexts.last?["password"] == "50%")
    }

    @Test(arguments: [
        "[DEFAULT]\n  current_cluster = a\n  insecure = true\n  [a]\n  endpoint = http://a\n  [b]\n  endpoint = http://b\n",
        "[DEFAULT]\n  insecure = true\n  [a]\n  endpoint = http://a\n  [b]\n  endpoint = http://b\n",
        "[DEFAULT]\n  [a]\n  endpoint = http://a\n  [b]\n    endpoint = http://b\n",
        "  [a]\n  endpoint = http://a\n  [b]\n  endpoint = http://b",
    ])
    func `a file whose lines are indented is changed where it is to be, and nowhere else`(_ text: String) throws {
        for end in ["\n", "\r\n"] {
            var file = try ContextFile(parsing: text.replacing("\n", with: end))
            let before = Self.described(file)
            try file.use("b")
            #expect(file.current == "b")
            #expect(Self.described(file) == before)
            try file.add("c", [ContextFile.Entry("endpoint", "http://c")])
            #expect(Self.described(file).dropLast() == before[...])
            #expect(file.contexts.last?["endpoint"] == "http://c")
            try file.remove("c")
            #expect(Self.described(file) == before)
            #expect(file.current == "b")
            #expect(try Self.described(ContextFile(parsing: file.text)) == before)
            let breaks = file.text.utf8.count { $0 == UInt8(ascii: "\n") }
            let returns = file.text.utf8.count { $0 == UInt8(ascii: "\r") }
            #expect(returns == (end == "\n" ? 0 : breaks), "every line ends as it did: \(file.text)")
        }
    }

    @Test func `a change that would make of a line what it was not is refused`() throws {
        let text = "[a]\nendpoint = http://a\n[b]\n  endpoint = http://b\n  [c]\n  endpoint = http://c\n"
        var file = try ContextFile(parsing: text)
        let fault = #expect(throws: ContextFault.self) { try file.remove("b") }
        #expect(fault?.description.hasSuffix("change it by hand") == true)
        #expect(file.text == text)
    }

    @Test func `without a current one it is DEFAULT, if that has an endpoint`() throws {
        var file = try ContextFile(parsing: "[DEFAULT]\nendpoint = http://x\n\n[a]\nusername = u\n")
        #expect(file.current == "DEFAULT")
        try file.use("a")
        #expect(file.current == "a")
        try file.remove("a")
        #expect(file.current == "DEFAULT")
        #expect(file.text == "[DEFAULT]\nendpoint = http://x\n")
        #expect(try ContextFile(parsing: "[DEFAULT]\nusername = u\n").current == nil)
    }

    @Test func `a file that is no text is refused, and left as it is`() throws {
        let scratch = try TemporaryFolder()
        defer { scratch.remove() }
        let path = "\(scratch.path)/contexts"
        try (Data("[a]\npassword = ".utf8) + [0xFF]).write(to: URL(filePath: path))
        let fault = #expect(throws: ContextFault.self) { try ContextFile(at: path) }
        #expect(fault?.description == "\(path) is no text in UTF-8")
    }

    @Test func `the first context becomes the current one, in a file that was empty too`() throws {
        var file = try ContextFile(parsing: "")
        try file.add("one", [ContextFile.Entry("endpoint", "http://one")])
        #expect(file.text == "[DEFAULT]\ncurrent_cluster = one\n\n[one]\nendpoint = http://one\n")
        var standard = try ContextFile(parsing: "")
        try standard.add("DEFAULT", [ContextFile.Entry("endpoint", "http://one")])
        #expect(standard.current == "DEFAULT")
        #expect(standard.text.contains("current_cluster = DEFAULT\n"))
        #expect(standard.contexts.map(\.name) == ["DEFAULT"])
    }

    @Test(arguments: [
        ("x = 1", "line 1 stands before the first context: begin with [DEFAULT] or [NAME]"),
        ("[a]\nsecret", "line 2 has no value: write KEY = VALUE"),
        ("[a]\nx=1\nX=2", "line 3: a has x already"),
        ("[a]\n[a]", "line 2: there is a context a already"),
        ("[a]\n= 1", "line 2 has no key: write KEY = VALUE"),
    ])
    func `a broken file is told by its line, never by what stands there`(_ text: String, _ reason: String) {
        let fault = #expect(throws: ContextFault.self) { try ContextFile(parsing: text) }
        #expect(fault?.description == reason)
    }

    @Test func `what cannot be done is refused, and changes nothing`() throws {
        var file = try ContextFile(parsing: Self.text)
        let endpoint = ContextFile.Entry("endpoint", "http://z")
        #expect(throws: ContextFault.self) { try file.use("nope") }
        #expect(throws: ContextFault.self) { try file.remove("nope") }
        #expect(throws: ContextFault.self) { try file.remove("DEFAULT") }
        #expect(throws: ContextFault.self) { try file.add("prod", [endpoint]) }
        for name in ["", "a]b", "a\nb", " a"] {
            #expect(throws: ContextFault.self) { try file.add(name, [endpoint]) }
        }
        for value in ["", "a\nb", " a"] {
            #expect(throws: ContextFault.self) { try file.add("x", [ContextFile.Entry("endpoint", value)]) }
        }
        #expect(file.text == Self.text)
    }

    @Test func `a new file is its owner's alone, one that is there keeps its mode, and a link stays one`() throws {
        let scratch = try TemporaryFolder()
        defer { scratch.remove() }
        let folder = scratch.path
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        var file = try ContextFile(at: "\(folder)/drove")
        #expect(file.contexts.isEmpty)
        try file.add("one", [ContextFile.Entry("endpoint", "http://one")])
        try file.save(to: "\(folder)/drove")
        #expect(try mode("\(folder)/drove") == 0o600)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: "\(folder)/drove")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "\(folder)/drove")
        try file.add("two", [ContextFile.Entry("endpoint", "http://two")])
        try file.save(to: "\(folder)/link")
        #expect(try mode("\(folder)/drove") == 0o640)
        #expect(try ContextFile(at: "\(folder)/drove") == file)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["drove", "link"])
        let fault = #expect(throws: ContextFault.self) { try file.save(to: "\(folder)/none/drove") }
        #expect(fault?.description.contains("cannot be written: No such file") == true)
    }
}
