import ApusContainers
import ApusModel
import Foundation
import Testing

/// The real engine that scripts/test started, with one label for all that a test makes.
struct TestEngine: Sendable {
    let engine: DockerEngine
    let image: String
    /// Unique to one test.
    let label: [String: String]

    /// Runs a test and then removes every container it made, whether it passed or not.
    static func run(_ body: @Sendable (TestEngine) async throws -> Void) async throws {
        let test = TestEngine(
            engine: DockerEngine(socketPath: try variable("APUS_TEST_DOCKER_SOCKET")),
            image: try variable("APUS_TEST_IMAGE"),
            label: ["apus.test": String(UInt64.random(in: .min ... .max), radix: 36)]
        )
        let outcome = await Result.catching { try await body(test) }
        for left in try await test.engine.list(labels: test.label) {
            try await test.engine.remove(left.id, force: true, volumes: true)
        }
        try await test.engine.shutdown()
        try outcome.get()
    }

    private static func variable(_ name: String) throws -> String {
        try #require(
            ProcessInfo.processInfo.environment[name],
            "\(name) is not set: run scripts/test, which starts a Docker engine and builds the image"
        )
    }

    /// A plan whose name no other test has.
    func plan(_ name: String, command: [String] = [], memoryMB: Int64 = 64) -> ContainerPlan {
        ContainerPlan(
            name: "\(name)-\(label["apus.test"] ?? "")",
            image: image,
            labels: label,
            command: command,
            memoryMB: memoryMB
        )
    }

    func started(_ plan: ContainerPlan) async throws -> ContainerID {
        let id = try await engine.create(plan)
        try await engine.start(id)
        return id
    }
}

extension Result where Failure == any Error {
    static func catching(_ body: () async throws -> Success) async -> Self {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}

/// The `ContainerError` that a call throws; a missing or other error fails the test.
func containerError(_ call: () async throws -> Void) async throws -> ContainerError {
    do {
        try await call()
    } catch let error as ContainerError {
        return error
    }
    Issue.record("no error was thrown")
    throw CancellationError()
}
