import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// The whole executor on a real Docker engine, told by APUS_TEST_DOCKER_SOCKET; APUS_TEST_IMAGE serves on port 8000.
@Suite(
    .timeLimit(.minutes(3)),
    .enabled(if: ProcessInfo.processInfo.environment["APUS_TEST_DOCKER_SOCKET"] != nil)
)
struct DockerExecutorTests {
    private let scratch: Scratch
    private let engine: DockerEngine
    private let image: String
    private let settings: ExecutorSettings
    /// The executor's own port: no other test gets it.
    private let held: PortReservation
    private let leader = Leader()

    init() throws {
        scratch = try Scratch()
        let environment = ProcessInfo.processInfo.environment
        image = try #require(environment["APUS_TEST_IMAGE"], "scripts/test sets it")
        let socket = try #require(environment["APUS_TEST_DOCKER_SOCKET"], "scripts/test sets it")
        engine = DockerEngine(socketPath: socket)
        let ports = [PortSpec(name: "main", port: 1)]
        held = try PortReservation(ports: ports, address: "127.0.0.1", excluding: [])
        settings = ExecutorSettings(
            cluster: ClusterID("test-\(UUID().uuidString)"),
            stateDirectory: "\(scratch.path)/node",
            hostname: "box",
            address: "127.0.0.1",
            port: held.mappings[0].hostPort,
            engineSocket: socket,
            sharing: .shared(multiplier: 64),
            publishAddress: "127.0.0.1"
        )
    }

    private var executor: ExecutorID { ExecutorID(hostname: settings.hostname, port: settings.port) }

    private func containers() async throws -> [EngineContainer] {
        try await engine.containers(
            labels: ContainerLabels.selection(cluster: settings.cluster, executor: executor)
        )
    }

    /// Sends an order as the leader does.
    private func send(_ order: NodeCommand.Order) async throws -> CommandAnswer {
        var command = leader.command(order)
        command.cluster = settings.cluster
        command.executor = executor
        command.key = NodeKey(try JSON(parsing: try scratch.bytes("node.json")).string("key"))
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(settings.port)/apis/v1/messages")
        request.method = .POST
        request.body = .bytes(command.json.bytes)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return try CommandAnswer(
            json: try JSON(parsing: try await response.body.collect(upTo: 1 << 20).readableBytesView)
        )
    }

    private func running(_ body: () async throws -> Void) async throws {
        let executor = Executor(settings: settings, logger: LoopRig.logger)
        try await withExecutor(executor, answers: { await answers(settings.port) }, body)
    }

    private func answers(_ port: Int) async -> Bool {
        let check = HTTPCheck(portName: "main", path: "/apis/v1/ping", successCodes: [200, 404])
        do {
            return try await HTTPProbe(check: check, port: port, timeout: .seconds(5)).run() == .passed
        } catch {
            return false
        }
    }

    private func journal() throws -> String { String(decoding: try scratch.bytes(), as: UTF8.self) }

    @Test func `containers start, survive a restart, are replaced by nobody else and leave nothing behind`()
        async throws
    {
        let specs = (0..<3).map { LoopRig.spec($0, image: image) }
        do {
            try await running {
                for spec in specs {
                    guard case .accepted = try await send(.start(spec)) else {
                        Issue.record("\(spec.id) was refused")
                        return
                    }
                }
                try await eventually("all run and answer", within: .seconds(90)) {
                    let found = try await containers()
                    guard found.count == 3, found.allSatisfy({ $0.state == .running }) else { return false }
                    for container in found {
                        let port = try #require(try ContainerLabels(reading: container.labels).ports.first)
                        guard await answers(port.hostPort) else { return false }
                    }
                    return true
                }
            }
            let before = try await containers().map(\.id)
            try await running {
                // What the engine does behind our back is seen by its events; no leader answers here that could decide,
                // so the container is started again in place.
                try await engine.stop(before[0], grace: .zero)
                try await eventually("the stopped one runs again", within: .seconds(60)) {
                    let found = try await containers()
                    guard found.map(\.id) == before, found.allSatisfy({ $0.state == .running }) else { return false }
                    return try journal().contains(#""kind":"RESTARTING""#)
                }
                for spec in specs { _ = try await send(.stop(spec.id, .scaledDown)) }
                try await eventually("nothing is left", within: .seconds(90)) { try await containers().isEmpty }
            }
        } catch {
            try await clean()
            throw error
        }
        try await clean()
    }

    private func clean() async throws {
        for container in try await containers() { try await engine.remove(container.id, force: true, volumes: true) }
        try await engine.shutdown()
    }
}
