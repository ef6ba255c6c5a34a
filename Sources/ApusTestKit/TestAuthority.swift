import Foundation

/// Issues certificates for a test, by the openssl command.
package struct TestAuthority: Sendable {
    /// The files of one node.
    package struct Issued: Sendable {
        package var certificate: String
        package var key: String
    }

    /// Its own certificate (PEM).
    package var certificate: String { "\(folder)/\(name).pem" }
    private let folder: String
    private let name: String

    /// Makes it; its files stay in the folder.
    package init(in folder: String, named name: String = "authority") async throws {
        self.folder = folder
        self.name = name
        try await Self.openssl(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/CN=\(name)", "-keyout", "\(folder)/\(name).key", "-out", certificate,
            ]
        )
        try Self.protect("\(folder)/\(name).key")
    }

    /// Issues a certificate for these names: `IP:127.0.0.1`, `DNS:node1`.
    package func issue(_ file: String, for names: [String]) async throws -> Issued {
        let (path, key) = ("\(folder)/\(file).pem", "\(folder)/\(file).key")
        try await Self.openssl(
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(file)",
                "-keyout", key, "-out", "\(path).request",
            ]
        )
        try Self.protect(key)
        try "subjectAltName=\(names.joined(separator: ","))\n".write(
            toFile: "\(path).names",
            atomically: true,
            encoding: .utf8
        )
        try await Self.openssl(
            [
                "x509", "-req", "-in", "\(path).request", "-CA", certificate, "-CAkey", "\(folder)/\(name).key",
                "-CAcreateserial", "-days", "30", "-extfile", "\(path).names", "-out", path,
            ]
        )
        return Issued(certificate: path, key: key)
    }

    private static func protect(_ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    private static func openssl(_ arguments: [String]) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let (ends, end) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        process.terminationHandler = { end.yield($0.terminationStatus) }
        try process.run()
        let code = await ends.first { _ in true }
        guard code == 0 else { throw Unfulfilled("openssl \(arguments[0]) ended with \(code ?? -1)") }
    }
}
