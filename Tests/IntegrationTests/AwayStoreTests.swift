import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

extension ServiceTests {
    /// A controller and an executor that begin while ZooKeeper is away, as processes.
    @Suite(.serialized) struct AwayStoreTests {
        private func status(_ url: String, _ headers: [(String, String)] = []) async throws -> UInt {
            var request = HTTPClientRequest(url: url)
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            return try await HTTPClient.shared.execute(request, timeout: .seconds(5)).status.code
        }

        @Test(.timeLimit(.minutes(2)))
        func `a controller begun without ZooKeeper answers, ends when it is told to, and leads when ZooKeeper comes`()
            async throws
        {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let server = ensemble.servers[0]
                await server.kill9()
                let (address, admin) = ("127.0.0.1:\(try freePort())", "127.0.0.1:\(try freePort())")
                let controller = try ApusProcess(
                    [
                        "controller", "--state", "\(folder.path)/controller", "--address", address, "--admin-address",
                        admin, "--zookeeper", "\(try ensemble.address("/away"))", "--zookeeper-session", "2s",
                    ],
                    log: "\(folder.path)/controller.log"
                )
                let api = "http://\(address)/apis/v1"
                func answers(_ expected: UInt, _ url: String) async throws {
                    try await until("\(url) answers \(expected)", log: { controller.logTail }) {
                        let status = try await status(url)
                        try check(status == expected, "it is \(status)")
                    }
                }
                let result: Result<Void, any Error>
                do {
                    try controller.start()
                    try await answers(400, "\(api)/ping")
                    #expect(await controller.terminate() == 0)
                    try controller.start()
                    try await answers(400, "\(api)/ping")
                    #expect(try await status("\(api)/applications", [("Apus-Read", "stale")]) == 503)
                    #expect(try await status("http://\(admin)/ping") == 200)
                    #expect(try await status("http://\(admin)/healthcheck") == 500)
                    try server.start()
                    try await answers(200, "\(api)/ping")
                    try await answers(200, "http://\(admin)/healthcheck")
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                #expect(await controller.terminate() == 0)
                try result.get()
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `an executor of no cluster yet, begun without ZooKeeper, waits and joins the controller that comes`()
            async throws
        {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            let socket = "\(folder.path)/engine.sock"
            let engine = try ApusProcess(
                ["--socket", socket, "--record", "\(folder.path)/record"],
                log: "\(folder.path)/engine.log",
                program: needed("APUS_TEST_FAKE_ENGINE")
            )
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let store = ["--zookeeper", "\(try ensemble.address("/away"))"]
                let address = "127.0.0.1:\(try freePort())"
                let controller = try ApusProcess(
                    ["controller", "--state", "\(folder.path)/controller", "--address", address] + store,
                    log: "\(folder.path)/controller.log"
                )
                let executor = try ApusProcess(
                    [
                        "executor", "--state", "\(folder.path)/executor", "--address", "127.0.0.1:\(try freePort())",
                        "--docker-socket", socket,
                    ] + store,
                    log: "\(folder.path)/executor.log"
                )
                let result: Result<Void, any Error>
                do {
                    await ensemble.servers[0].kill9()
                    try engine.start()
                    try await listens(socket)
                    try executor.start()
                    try await says(executor, "no controller says yet which cluster this is", "none is known yet")
                    try await says(executor, "ZooKeeper does not say who the controllers are")
                    #expect(executor.isRunning)
                    try ensemble.servers[0].start()
                    try await says(executor, "no controller has founded a cluster")
                    #expect(executor.isRunning)
                    try controller.start()
                    try await until("the executor is a member", log: { executor.logTail }) {
                        let count = try await APIClient(endpoint: "http://\(address)").cluster()["numExecutors"]
                        try check(count == 1, "numExecutors is \(String(describing: count))")
                    }
                    try await says(executor, "joined    cluster")
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                #expect(await executor.terminate() == 0)
                await controller.kill9()
                await engine.kill9()
                try result.get()
            }
        }

        private func says(_ process: ApusProcess, _ texts: String...) async throws {
            try await until("it says \(texts)", log: { process.logTail }) {
                let said = process.said
                try check(texts.allSatisfy(said.contains), "it does not")
            }
        }

        private func listens(_ socket: String) async throws {
            let engine = DockerEngine(socketPath: socket)
            let result: Result<Void, any Error>
            do {
                result = .success(try await until("the engine answers") { _ = try await engine.version() })
            } catch {
                result = .failure(error)
            }
            try await engine.shutdown()
            try result.get()
        }
    }
}
