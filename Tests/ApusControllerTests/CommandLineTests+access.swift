import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Who the commands say that they are, and whom they ask.
extension CommandLineTests {
    private static let empty = #"{"status":"SUCCESS","data":{},"message":"success"}"#
    /// Basic `admin:s3cret`.
    private static let basic = "Basic YWRtaW46czNjcmV0"

    /// Runs against a controller that wants this `Authorization` header, with a folder of its own.
    private static func wanting(
        _ authorization: String?,
        refusing status: Int = 401,
        _ body: (_ url: String, _ folder: String) async throws -> Void
    ) async throws {
        let server = try NodeServer(refusing: status) { request in
            let line = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("authorization: ") }
            return line?.dropFirst("authorization: ".count).description == authorization ? empty : nil
        }
        defer { server.stop() }
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        try await body("http://127.0.0.1:\(server.port)", folder.path)
    }

    private static func put(_ text: String, _ path: String, mode: Int = 0o600) throws -> String {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    private static func list(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> Run {
        try await Program(binary, ["apps", "list"] + arguments, environment: environment).end()
    }

    @Test func `a user's password comes from a file, from standard input or from the environment`() async throws {
        try await Self.wanting(Self.basic) { url, folder in
            let file = try Self.put("s3cret\n", "\(folder)/password")
            let user = ["--endpoint", url, "--username", "admin"]
            for run in [
                try await Self.list(user + ["--password-file", file]),
                try await Self.list(user, ["APUS_PASSWORD": "s3cret"]),
                try await Self.list([], ["APUS_ENDPOINT": url, "APUS_USERNAME": "admin", "APUS_PASSWORD": "s3cret"]),
                try await Self.list(["--endpoint", url], ["APUS_AUTH_HEADER": Self.basic]),
                try await Program(
                    "/bin/sh",
                    [
                        "-c",
                        "printf 's3cret\\n' | '\(Self.binary)' apps list --endpoint \(url) --username admin --password-file -",
                    ]
                ).end(),
            ] {
                #expect(run.code == 0, "\(run.errors)")
                #expect(run.errors.isEmpty, "\(run.errors)")
            }
        }
        try await Self.wanting("O-Bearer abc") { url, folder in
            let file = try Self.put("O-Bearer abc", "\(folder)/header")
            #expect(try await Self.list(["--endpoint", url, "--auth-header-file", file]).code == 0)
        }
    }

    @Test func `who is not known or may not is told what to do, with a code of its own`() async throws {
        try await Self.wanting(Self.basic) { url, folder in
            let unknown = try await Self.list(["--endpoint", url])
            #expect(unknown.code == 6)
            #expect(unknown.errors.contains("answered 401"), "\(unknown.errors)")
            #expect(unknown.errors.contains("--username and --password-file"), "\(unknown.errors)")
            let file = try Self.put("wr0ng", "\(folder)/password", mode: 0o644)
            let wrong = try await Self.list(["--endpoint", url, "--username", "admin", "--password-file", file])
            #expect(wrong.code == 6)
            #expect(wrong.errors.contains("others on this machine can read \(file)"), "\(wrong.errors)")
            #expect(!wrong.errors.contains("wr0ng"))
        }
        try await Self.wanting(Self.basic, refusing: 403) { url, _ in
            let denied = try await Self.list(["--endpoint", url])
            #expect(denied.code == 6)
            #expect(denied.errors.contains("this user may not do that"), "\(denied.errors)")
        }
    }

    @Test func `the clusters of Drove's file are asked as it says`() async throws {
        try await Self.wanting(Self.basic) { url, folder in
            let cluster = "endpoint = \(url)\nusername = admin\npassword = s3cret\n"
            let other = "endpoint = http://127.0.0.1:9\n"
            _ = try Self.put("[DEFAULT]\ncurrent_cluster = a\n[a]\n\(cluster)[b]\n\(other)", "\(folder)/.drove")
            #expect(try await Self.list([], ["HOME": folder]).code == 0)
            #expect(try await Self.list(["--cluster", "a"], ["HOME": folder]).code == 0)
            #expect(try await Self.list(["--cluster", "b"], ["HOME": folder]).code == 7)
            let named = try await Self.list(["--cluster", "c"], ["HOME": folder])
            #expect(named.code == 1)
            #expect(named.errors == "apus: \(folder)/.drove: it has no cluster c; it has a, b\n")

            let file = try Self.put(cluster.replacing("endpoint", with: "[x]\nendpoint"), "\(folder)/more", mode: 0o644)
            let elsewhere = ["--cluster", "x", "--drove-config", file]
            let warned = try await Self.list(elsewhere)
            #expect(warned.code == 0)
            #expect(warned.errors.contains("chmod 600 \(file)"), "\(warned.errors)")
            #expect(try await Self.list(["--cluster", "x"], ["DROVE_CONFIG": file]).code == 0)
            // What was meant for another is not shown to it.
            let environment = ["APUS_ENDPOINT": "http://127.0.0.1:9", "APUS_USERNAME": "u", "APUS_PASSWORD": "p"]
            #expect(try await Self.list(elsewhere, environment).code == 0)
            // Nor are its own credentials to whom else one asks.
            #expect(try await Self.list(["--endpoint", url], ["HOME": folder]).code == 6)
        }
    }

    @Test func `a broken file of Drove's matters only where it is used`() async throws {
        try await Self.wanting(nil) { url, folder in
            let path = try Self.put("endpoint = \(url)\n", "\(folder)/.drove")
            #expect(try await Self.list(["--endpoint", url], ["HOME": folder]).code == 0)
            #expect(try await Self.list([], ["HOME": folder, "APUS_ENDPOINT": url]).code == 0)
            let used = try await Self.list([], ["HOME": folder, "APUS_ENDPOINT": ""])
            #expect(used.code == 1)
            let fault = "line 1 stands before the first context: begin with [DEFAULT] or [NAME]"
            #expect(used.errors == "apus: \(path): \(fault)\n")
            let missing = try await Self.list(["--drove-config", "/no/such"])
            #expect((missing.code, missing.errors) == (1, "apus: /no/such cannot be opened: there is no such file\n"))
        }
    }

    @Test func `options that contradict each other are refused`() async throws {
        let cases: [([String], String)] = [
            (["--endpoint", "a", "--cluster", "b"], "--endpoint and --cluster exclude each other"),
            (["--password-file", "a", "--auth-header-file", "b"], "exclude each other"),
            (["--insecure", "--ca-certificate", "a"], "--insecure and --ca-certificate exclude each other"),
        ]
        for (arguments, reason) in cases {
            let run = try await Self.list(arguments)
            #expect(run.code == 64)
            #expect(run.errors.contains(reason), "\(run.errors)")
        }
        let nobody = try await Self.list(["--username", "u"])
        #expect(
            (nobody.code, nobody.errors) == (
                1, "apus: u needs a password: give --password-file FILE, or - to type it\n"
            )
        )
    }

    @Test func `a controller with TLS is asked if its issuer is named, or if any will do`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let authority = try await TestAuthority(in: folder.path)
        let issued = try await authority.issue("node", for: ["IP:127.0.0.1"])
        let encryption = try EncryptedAPITests.encryption(issued)
        try await withController(store: MemoryStore()) { controller in
            try await withServer(controller, encryption: { encryption }) { plain in
                let url = EncryptedAPITests.client(plain).endpoint
                let trusting = try await Self.list(["--endpoint", url, "--ca-certificate", authority.certificate])
                #expect(trusting.code == 0, "\(trusting.errors)")
                let environment = ["APUS_CA_CERTIFICATE": authority.certificate, "APUS_ENDPOINT": url]
                #expect(try await Self.list([], environment).code == 0)
                let insecure = try await Self.list(["--endpoint", url, "--insecure"])
                #expect(insecure.code == 0)
                #expect(insecure.errors.contains("any certificate is taken"), "\(insecure.errors)")
                let unknown = try await Self.list(["--endpoint", url])
                #expect(unknown.code == 7)
                #expect(unknown.errors.contains("--ca-certificate"), "\(unknown.errors)")
                let follow = "events -f --since 1h --endpoint \(url) --ca-certificate \(authority.certificate)"
                let followed = try Program("/bin/sh", ["-c", "'\(Self.binary)' \(follow) | head -n 1"])
                // It notices at its next line that its reader has gone.
                let another = ClusterEvent(.applicationChanged, .members(["APP_ID": "OTHER-1"]))
                try await eventually("it ends with its reader") {
                    if controller.events.listeners == 1 { controller.events.append([another]) }
                    return !followed.isRunning
                }
                let end = try await followed.end()
                #expect(end.output.contains("LEADERSHIP_ACQUIRED"), "\(end.errors)")
            }
        }
    }
}
