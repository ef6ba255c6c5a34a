import ApusClient
import ApusModel
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

extension ServiceTests {
    /// What `apus apply` does with real containers.
    @Suite(.serialized) struct ApplyTests {
        @Test(.timeLimit(.minutes(5)))
        func
            `a changed service takes the old one's place without a failed request, goes back, and a broken one is taken back`()
            async throws
        {
            try await withDevCluster { cluster in
                let folder = cluster.state + "-apply"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(atPath: folder) }
                func apus(_ arguments: String...) async throws -> (code: Int32, said: String) {
                    let all = arguments + ["--endpoint", cluster.api.endpoint]
                    let process = try ApusProcess(all, log: "\(folder)/\(UUID().uuidString).log")
                    try process.start()
                    return (await process.end(), process.said)
                }
                try write(try web("1"), to: "\(folder)/1.json")
                try write(try web("2"), to: "\(folder)/2.yaml")
                try write(try web("3", path: "/no-such-page"), to: "\(folder)/3.json")
                let (first, second) = (AppID("WEB-1"), AppID("WEB-2"))

                let created = try await apus("apply", "\(folder)/1.json", "--instances", "2")
                #expect(created.code == 0, "\(created.said)")
                try await cluster.settle(first, at: 2)

                let visitor = Visitor(cluster)
                async let visits = visitor.visit()
                do {
                    let moved = try await apus("apply", "\(folder)/2.yaml")
                    #expect(moved.code == 0, "\(moved.said)")
                    try await cluster.settle(second, at: 2)
                    try await cluster.settle(first, at: 0)

                    let back = try await apus("rollback", "WEB")
                    #expect(back.code == 0, "\(back.said)")
                    try await cluster.settle(first, at: 2)
                    try await cluster.settle(second, at: 0)

                    let broken = try await apus("apply", "\(folder)/3.json", "--timeout", "15s", "--parallelism", "2")
                    #expect(broken.code == 3, "\(broken.said)")
                    #expect(broken.said.contains("The ROLLOUT of WEB-3 failed and was rolled back"), "\(broken.said)")
                    try await cluster.settle(first, at: 2)
                    try await cluster.settle(AppID("WEB-3"), at: 0)
                } catch {
                    visitor.leave()
                    _ = await visits
                    throw error
                }
                visitor.leave()
                let seen = await visits
                #expect(seen.failures.isEmpty, "\(seen.failures.prefix(5))")
                #expect(seen.served > 50)
                let status = try await apus("status", "WEB")
                #expect(status.code == 0, "\(status.said)")
            }
        }

        private func web(_ version: String, path: String = "/") throws -> ApplicationSpec {
            var spec = try ApplicationSpec(json: service("WEB", path: path))
            spec.version = version
            spec.exposureSpec = ExposureSpec(vhost: "web.example.org", portName: "main")
            // Whoever has just asked for the endpoints is still served.
            spec.preShutdown = PreShutdownSpec(waitBeforeKill: DurationText(2, .seconds))
            return spec
        }

        private func write(_ spec: ApplicationSpec, to path: String) throws {
            try Data(spec.json.bytes).write(to: URL(fileURLWithPath: path))
        }
    }
}

/// Sends one request after the other, each to the next of the endpoints, as a gateway would.
private final class Visitor: Sendable {
    private let cluster: DevCluster
    private let hasLeft = Atomic(false)

    init(_ cluster: DevCluster) { self.cluster = cluster }

    func leave() { hasLeft.store(true, ordering: .relaxed) }

    /// Until it leaves.
    func visit() async -> (served: Int, failures: [String]) {
        var (served, failures) = (0, [String]())
        while !hasLeft.load(ordering: .relaxed) {
            do {
                let ports = try await ports()
                try check(!ports.isEmpty, "nobody serves")
                var request = HTTPClientRequest(url: "http://127.0.0.1:\(ports[served % ports.count])/")
                request.headers.add(name: "Connection", value: "close")
                let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
                _ = try await answer.body.collect(upTo: 65_536)
                try check(answer.status == .ok, "\(request.url) answered \(answer.status)")
                served += 1
                // Each costs the machine a port for a minute.
                try await DevCluster.moment(.milliseconds(20))
            } catch {
                failures.append("\(error)")
            }
        }
        return (served, failures)
    }

    private func ports() async throws -> [Int] {
        guard case .array(let applications) = try await cluster.api.endpoints(of: "WEB") else { return [] }
        return try applications.flatMap { try $0.array("hosts").map { try $0.int("port") } }
    }
}
