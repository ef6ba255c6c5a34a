import ApusClient
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

extension ServiceTests {
    /// A controller that begins while ZooKeeper is away, as a process.
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
    }
}
