import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// `apus users`, and what a controller is told of its callers at its start.
extension CommandLineTests {
    /// A file that only its owner may read.
    private static func file(_ text: String, permissions: Int = 0o600, in folder: TemporaryFolder) throws -> String {
        let path = "\(folder.path)/users-\(UUID())"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
        return path
    }

    private static let drove = """
        userAuth:
          enabled: true
          encoding: PLAIN
          users:
            - username: root
              password: correct horse
              role: EXTERNAL_ROOT
            - username: reader
              password: "12345678"
              role: EXTERNAL_READ_ONLY
        """

    @Test func `the users of Drove's configuration are imported, and then asked for`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = try Self.file(Self.drove, in: folder)
        try await Self.withNode { controller, _, endpoint in
            func users(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, ["users"] + arguments, endpoint: endpoint).end()
            }
            #expect(try await users("list").output == "there are no users: everybody is root\n")
            let imported = try await users("import", path)
            #expect(imported.code == 0, "\(imported.errors)")
            #expect(imported.output == "NAME    ROLE\nroot    EXTERNAL_ROOT\nreader  EXTERNAL_READ_ONLY\n")
            #expect(try await users("list").code != 0)
            #expect(await controller.call("GET", "users", CallerRig.basic("root")).status == 200)
            #expect(await controller.call("GET", "ping", CallerRig.basic("reader", "12345678")).status == 200)
        }
    }

    @Test func `a user is set by a file with a password, or by a hash, and removed`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let password = try Self.file("correct horse\n", in: folder)
        try await Self.withNode { controller, _, endpoint in
            func users(_ arguments: String...) async throws -> Run {
                try await Program(Self.binary, ["users"] + arguments, endpoint: endpoint).end()
            }
            let early = try await users("set", "bob", "--role", "read-only", "--new-password-file", password)
            #expect(early.code == 1 && early.errors.contains("must have the role EXTERNAL_ROOT"), "\(early)")
            let set = try await users("set", "root", "--role", "root", "--new-password-file", password)
            #expect((set.code, set.output) == (0, "root is EXTERNAL_ROOT\n"), "\(set.errors)")
            let root = CallerRig.basic("root")
            #expect(await controller.call("GET", "ping", root).status == 200)
            #expect(await controller.call("DELETE", "users/root", root).status == 200)
            let hashed = try await users("set", "root", "--role", "EXTERNAL_ROOT", "--password-hash", CallerRig.hash)
            #expect(hashed.code == 0, "\(hashed.errors)")
            #expect(await controller.call("GET", "ping", root).status == 200)
        }
        try await Self.withNode { _, _, endpoint in
            let run = try await Program(Self.binary, ["users", "remove", "bob"], endpoint: endpoint).end()
            #expect((run.code, run.errors) == (1, "apus: User bob not found\n"))
            let rotated = try await Program(Self.binary, ["cluster", "rotate-instance-keys"], endpoint: endpoint).end()
            #expect(rotated.output == "a new key signs from now on; tokens of 2 keys are accepted\n", "\(rotated)")
        }
    }

    @Test func `wrong usage of users, and files that others may read, are refused before a call`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let open = try Self.file(Self.drove, permissions: 0o644, in: folder)
        let (short, two) = (try Self.file("short\n", in: folder), try Self.file("one line\nanother\n", in: folder))
        let broken = try Self.file("users: [secret-of-mine: {", in: folder)
        let cases: [([String], Int32, String)] = [
            (["set", "bob"], 64, "give --role, --new-password-file or --password-hash"),
            (
                ["set", "bob", "--role", "king"], 64,
                "--role must be root, read-write, maintenance or read-only, not king"
            ),
            (["set", "b", "--new-password-file", "a", "--password-hash", "b"], 64, "not both"),
            (["set", "bob", "--role", "root", "--new-password-file", short], 1, "a password must have 8 to 72 bytes"),
            (["set", "bob", "--role", "root", "--new-password-file", "-"], 1, "standard input: a password must have"),
            (["set", "bob", "--role", "root", "--new-password-file", two], 1, "must hold one line, the password"),
            (["set", "bob", "--role", "root", "--new-password-file", "/nonexistent/x"], 1, "cannot be read"),
            (["import", open], 1, "others than its owner may read or write \(open): chmod 600 \(open)"),
            (["import", "/nonexistent"], 1, "there is no such file"),
            (["import", broken], 1, "is neither YAML nor JSON"), (["import", short], 1, "encoding must be"),
        ]
        for (arguments, code, reason) in cases {
            let run = try await Program(Self.binary, ["users"] + arguments, endpoint: "http://127.0.0.1:1").end()
            #expect(run.code == code, "\(arguments): \(run)")
            #expect(run.errors.contains(reason), "\(arguments): \(run.errors)")
            #expect(!run.errors.contains("secret-of-mine"))
        }
    }

    @Test func `what a controller is told of its callers is checked before it starts`() async throws {
        let cases: [([String], String)] = [
            (["--trusted-proxy", "127.0.0.1"], "--trusted-proxy needs --trusted-proxy-header"),
            (["--trusted-proxy-header", "X-Remote-User"], "the address of the proxy is missing"),
            (["--trusted-proxy-header", "X-Remote-User", "--trusted-proxy", "proxy"], "proxy is no IP address"),
            (["--trusted-proxy-header", "a b", "--trusted-proxy", "::1"], "a b cannot be the header"),
        ]
        for command in ["dev", "controller"] {
            for (arguments, reason) in cases {
                let run = try await Program(Self.binary, [command] + arguments).end()
                #expect(run.code == 64, "\(command) \(arguments)")
                #expect(run.errors.contains(reason), "\(command) \(arguments): \(run.errors)")
            }
        }
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (state, open) = ("\(folder.path)/state", try Self.file(Self.drove, permissions: 0o640, in: folder))
        for (path, reason) in [
            (open, "others than its owner may read"), ("/nonexistent", "there is no user yet: no such file"),
        ] {
            // An address of its own: on the usual one something else may listen.
            let place = ["--address", "127.0.0.77:10000", "--admin-address", "none"]
            let run = try await Program(Self.binary, ["controller", "--state", state, "--users", path] + place).end()
            #expect(run.code == 1, "\(run)")
            #expect(run.errors.contains(reason), "\(run.errors)")
        }
    }
}
