import ApusTestKit
import Foundation
import Testing

/// Debian's `docker-registry` on a port of its own, with or without a password.
final class RealRegistry: Sendable {
    static let username = "apus"
    static let password = "correct-horse-battery-staple"

    let address: String
    var folder: String { scratch.path }
    private let scratch: TemporaryFolder
    private let process: ApusProcess

    init(hasPassword: Bool) async throws {
        scratch = try TemporaryFolder()
        let folder = scratch.path
        address = "127.0.0.1:\(try freePort())"
        var configuration = """
            version: 0.1
            log: {level: warn}
            storage: {filesystem: {rootdirectory: \(folder)/data}, delete: {enabled: true}}
            http: {addr: \(address)}

            """
        if hasPassword {
            let line = try Self.run("htpasswd", ["-Bbn", Self.username, Self.password])
            try line.write(toFile: "\(folder)/htpasswd", atomically: false, encoding: .utf8)
            configuration += "auth: {htpasswd: {realm: test, path: \(folder)/htpasswd}}\n"
        }
        try configuration.write(toFile: "\(folder)/config.yml", atomically: false, encoding: .utf8)
        process = try ApusProcess(
            ["docker-registry", "serve", "\(folder)/config.yml"],
            log: "\(folder)/registry.log",
            program: "/usr/bin/env"
        )
        try process.start()
        let url = "http://\(address)/v2/"
        try await until("the registry answers", within: .seconds(20), log: { process.logTail }) {
            _ = try Self.run("curl", ["-s", "-o", "/dev/null", url])
        }
    }

    /// Puts an image of the engine there under this name, and takes the name from the engine again.
    func push(_ image: String, as name: String, on socket: String) throws -> String {
        let target = "\(address)/\(name)"
        let docker = ["-H", "unix://\(socket)", "--config", "\(folder)/docker"]
        if FileManager.default.fileExists(atPath: "\(folder)/htpasswd") {
            let login = ["login", "-u", Self.username, "-p", Self.password, address]
            _ = try Self.run("docker", docker + login)
        }
        for words in [["tag", image, target], ["push", "-q", target], ["rmi", target]] {
            _ = try Self.run("docker", docker + words)
        }
        return target
    }

    /// As `push`, of an image that nothing else is: made for this and forgotten by the engine.
    func push(variant: String, of image: String, as name: String, on socket: String) throws -> String {
        let docker = ["-H", "unix://\(socket)"]
        let own = "registry-\(UUID().uuidString.prefix(8).lowercased())"
        _ = try Self.run("docker", docker + ["create", "--name", own, image])
        _ = try Self.run("docker", docker + ["commit", "-c", "LABEL variant=\(variant)", own, own])
        _ = try Self.run("docker", docker + ["rm", own])
        let target = try push(own, as: name, on: socket)
        _ = try Self.run("docker", docker + ["rmi", own])
        return target
    }

    /// A tag of a repository means what another does from now on.
    func copy(_ repository: String, from: String, to: String) throws {
        let (url, file) = ("http://\(address)/v2/\(repository)/manifests/", "\(folder)/manifest.json")
        let type = "application/vnd.docker.distribution.manifest.v2+json"
        _ = try Self.run("curl", ["-sf", "-H", "Accept: \(type)", "-o", file, url + from])
        let put = ["-sf", "-X", "PUT", "-H", "Content-Type: \(type)", "--data-binary", "@\(file)", url + to]
        _ = try Self.run("curl", put)
    }

    func close() async {
        await process.kill9()
        scratch.remove()
    }

    /// What the program prints; throws if it ends with another code than 0.
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Unfulfilled(
                "\(program) \(arguments.first ?? "") ended with \(process.terminationStatus): \(complaint)"
            )
        }
        return text
    }
}
