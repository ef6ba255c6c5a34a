import ApusClient
import ApusTestKit
import Foundation
import Testing

/// How nodes know each other, and the files that say it.
@Suite struct NodeSecretsTests {
    private static let (old, new) = ("old-secret-0123456789", "new-secret-0123456789")
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let path = "\(folder.path)/secrets"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test func `the first is sent, each is accepted, and nothing else is`() throws {
        let secrets = try NodeSecrets([Self.new, Self.old])
        #expect(secrets.sent == Self.new)
        #expect(secrets.accepts(Self.new) && secrets.accepts(Self.old))
        for wrong in [
            "", Self.new + "x", String(Self.new.dropLast()), Self.new.uppercased(), Self.new + "\n" + Self.old,
        ] {
            #expect(!secrets.accepts(wrong), "\(wrong)")
        }
        #expect("\(secrets)" == "2 node secrets", "none of them is shown")
    }

    @Test func `those that could be guessed or not be sent are refused without being shown`() {
        for wrong in [[], ["short"], [Self.new, "short"], ["with spaces in between"], [Self.new + "\u{7}"]] {
            let error = #expect(throws: NodeSecrets.Unusable.self) { try NodeSecrets(wrong) }
            #expect(wrong.allSatisfy { error?.description.contains($0) == false })
        }
    }

    @Test func `a file has one a line, and lines that say nothing are left out`() throws {
        let secrets = try NodeSecrets(file: file("# since spring\r\n\(Self.new)  \n\n\t\(Self.old)\n"))
        #expect(secrets.sent == Self.new)
        #expect(secrets.accepts(Self.old))
    }

    @Test func `a file that others can read, or that is not there, is refused with what to do`() throws {
        let open = try file(Self.new, mode: 0o640)
        let error = #expect(throws: SmallFile.Trouble.self) { try NodeSecrets(file: open) }
        #expect(error?.description == "others than its owner may read or write \(open): chmod 600 \(open)")
        let missing = #expect(throws: SmallFile.Trouble.self) { try NodeSecrets(file: "/no/such/file") }
        #expect(missing?.description == "/no/such/file cannot be opened: there is no such file")
        let link = "\(folder.path)/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: try file(Self.new))
        let linked = #expect(throws: SmallFile.Trouble.self) { try NodeSecrets(file: link) }
        #expect(linked?.description == "\(link) cannot be opened: it is a symbolic link")
    }

    @Test func `an empty file is named in the reason`() throws {
        let path = try file("# nothing yet\n")
        let error = #expect(throws: NodeSecrets.Unusable.self) { try NodeSecrets(file: path) }
        #expect(error?.description == "\(path): there is no node secret")
    }
}
