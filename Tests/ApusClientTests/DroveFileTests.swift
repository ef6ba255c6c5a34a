import ApusClient
import Testing

/// `~/.drove` is read as Drove's own command line reads it.
@Suite struct DroveFileTests {
    /// As `drove config` writes it.
    private static let written = """
        [DEFAULT]
        current_cluster = prod

        [prod]
        endpoint = https://drove.example.com:10000
        username = admin
        password = p%%w=1:2

        [stage]
        endpoint = http://stage:10000
        auth_header = O-Bearer abc
        insecure = true

        """

    @Test func `the current cluster is meant, or the one that is named`() throws {
        let file = try DroveFile(Self.written)
        #expect(file.names == ["prod", "stage"])
        let current = try #require(try file.cluster())
        #expect(current.name == "prod")
        #expect(current.endpoint == "https://drove.example.com:10000")
        #expect(current.credentials == .basic(username: "admin", password: "p%w=1:2"))
        #expect(!current.isInsecure)
        let stage = try #require(try file.cluster("stage"))
        #expect(stage.credentials == .header("O-Bearer abc"))
        #expect(stage.isInsecure)
        let error = #expect(throws: ContextFault.self) { try file.cluster("test") }
        #expect(error?.description == "it has no cluster test; it has prod, stage")
    }

    @Test func `what is in DEFAULT holds for all, and is a cluster of its own`() throws {
        let file = try DroveFile(
            """
            # a comment
            [DEFAULT]
            Endpoint: http://one:10000/
            USERNAME = u

            [two]
            ; another
            password = %(username)s-2
            [three]
              endpoint=http://three:1
              username=
              password=
            """
        )
        #expect(file.names == ["DEFAULT", "three", "two"])
        #expect(try file.cluster()?.endpoint == "http://one:10000/")
        #expect(try file.cluster()?.credentials == nil, "a user without a password is nobody")
        #expect(try file.cluster("two")?.credentials == .basic(username: "u", password: "u-2"))
        #expect(try file.cluster("two")?.endpoint == "http://one:10000/")
        #expect(try file.cluster("three")?.credentials == .basic(username: "", password: ""))
    }

    @Test func `without a current cluster none is meant`() throws {
        #expect(try DroveFile("").cluster() == nil)
        #expect(try DroveFile("[prod]\nendpoint = http://a:1\n").cluster() == nil)
        let error = #expect(throws: ContextFault.self) {
            try DroveFile("[DEFAULT]\ncurrent_cluster = gone\n").cluster()
        }
        #expect(error?.description == "it has no cluster gone, its current one; it has none")
    }

    @Test func `the name of the current cluster is a value like any other`() throws {
        let file = try DroveFile("[DEFAULT]\nplace = 50\ncurrent_cluster = %(place)s%%\n[50%]\nendpoint = http://a:1\n")
        #expect(try file.cluster()?.name == "50%")
    }

    @Test(arguments: [
        ("endpoint = x", "line 1 stands before the first context: begin with [DEFAULT] or [NAME]"),
        ("[a]\nendpoint", "line 2 has no value: write KEY = VALUE"),
        ("[a]\n= x", "line 2 has no key: write KEY = VALUE"),
        ("[a]\n[a]", "line 2: there is a context a already"),
        ("[a]\nx = 1\nX = 2", "line 3: a has x already"),
        ("\u{0}\u{1}garbage", "line 1 stands before the first context: begin with [DEFAULT] or [NAME]"),
    ])
    func `what has not the form is refused with its line`(text: String, reason: String) {
        let error = #expect(throws: ContextFault.self) { try DroveFile(text) }
        #expect(error?.description == reason)
    }

    @Test(arguments: [
        ("password = secret%", "a percent sign in password must be written as %%"),
        ("password = secret%(nobody)s", "password names nobody, which stands for nothing"),
        ("password = %(password)s", "password names password, which stands for nothing"),
        ("insecure = maybe", "insecure must be true or false"),
        ("password = secret\n  more", "password must be on one line"),
    ])
    func `a value that cannot be is refused without being shown`(line: String, reason: String) throws {
        let file = try DroveFile("[a]\nusername = u\n\(line)\n")
        let error = #expect(throws: ContextFault.self) { try file.cluster("a") }
        #expect(error?.description == reason)
    }

    @Test(.timeLimit(.minutes(1)))
    func `names within names that stand for more than anybody writes are refused, however little is behind them`()
        throws
    {
        for last in ["", "x"] {
            let values = (0..<8).map { "v\($0) = " + String(repeating: "%(v\($0 + 1))s", count: 100) }
            let text = "[a]\nendpoint = %(v0)s\n" + values.joined(separator: "\n") + "\nv8 = \(last)\n"
            let file = try DroveFile(text)
            #expect(throws: ContextFault.self) { try file.cluster("a") }
        }
    }
}
