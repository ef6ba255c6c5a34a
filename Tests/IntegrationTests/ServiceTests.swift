import ApusClient
import ApusContainers
import ApusModel
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// All tests of this module, one at a time: they use the one engine of `scripts/test`, which runs them alone.
@Suite(.serialized) struct ServiceTests {
    @Test(.timeLimit(.minutes(3)))
    func `a service runs at its count, answers, heals after a kill, scales, and leaves nothing`() async throws {
        try await withDevCluster { cluster in
            let app = try await cluster.deploy(service("WEB"), instances: 3)
            try await cluster.settle(app, at: 3)
            for instance in try await cluster.api.instances(of: app) {
                let text = try await get("http://127.0.0.1:\(try #require(instance.ports.first?.hostPort))/")
                #expect(text.contains(instance.id.rawValue), "each container knows its own instance id")
            }

            let victim = try #require(try await cluster.containers().first)
            try await cluster.engine.remove(victim.id, force: true, volumes: true)
            try await cluster.eventually("the removed container is replaced") {
                let now = try await cluster.containers()
                try check(now.count == 3 && !now.contains { $0.id == victim.id }, "\(now.map(\.name))")
            }
            try await cluster.settle(app, at: 3)

            try await cluster.scale(app, to: 5)
            try await cluster.settle(app, at: 5)
            try await cluster.scale(app, to: 1)
            try await cluster.settle(app, at: 1)
            try await cluster.suspend(app)
            try await cluster.settle(app, at: 0)
            _ = try await cluster.api.operate([
                "type": "DESTROY", "appId": app.json, "opSpec": DevCluster.opSpec(parallelism: 1),
            ])
            try await cluster.eventually("nothing is left") {
                try check(try await cluster.api.applications().isEmpty, "the application is still listed")
                try check(try await cluster.containers().isEmpty, "containers are left")
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `an image that does not exist and a check that never passes fail with their reason, and the cluster goes on`()
        async throws
    {
        try await withDevCluster { cluster in
            let missing = try await cluster.deploy(service("MISSING", image: "apus-no-such-image:1"), instances: 1)
            let ill = try await cluster.deploy(service("ILL", path: "/no-such-page"), instances: 1)
            let sound = try await cluster.deploy(service("SOUND"), instances: 1)
            try await cluster.settle(sound, at: 1)
            try await cluster.eventually("the missing image is named") {
                let ended = try await cluster.api.endedInstances(of: missing, atMost: 10)
                try check(ended.contains { $0.error.contains("apus-no-such-image") }, "\(ended.map(\.error))")
            }
            try await cluster.eventually("the check's failure is named") {
                let ended = try await cluster.api.endedInstances(of: ill, atMost: 10)
                try check(ended.contains { $0.error.contains("404") }, "\(ended.map(\.error))")
            }
            try await cluster.eventually("the back-off shows with its reason") {
                let backoff = try await cluster.api.application(missing).backoff
                try check(
                    (backoff?.failures ?? 0) >= 2 && backoff?.reason.isEmpty == false,
                    "\(String(describing: backoff))"
                )
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `pinned instances have their own cores, as the kernel says`() async throws {
        try await withDevCluster(arguments: ["--pinned"]) { cluster in
            let app = try await cluster.deploy(service("PINNED"), instances: 2)
            try await cluster.settle(app, at: 2)
            var seen: [String] = []
            for container in try await cluster.containers() {
                let pid = try #require(try await cluster.engine.inspect(container.id).pid)
                let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
                let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") })
                let cpus = line.split(whereSeparator: \.isWhitespace)[1]
                seen.append(String(cpus))
                let reported = try await cluster.api.instances(of: app).first {
                    container.name.hasSuffix($0.id.rawValue)
                }
                #expect(reported?.json.serialized.contains("\"cores\":{\"0\":[\(cpus)]}") == true)
            }
            #expect(Set(seen).count == 2, "two instances, two different cores: \(seen)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a stray of its own executor is stopped within 30 s, anyone else's is left alone`() async throws {
        try await withDevCluster { cluster in
            let app = try await cluster.deploy(service("WEB"), instances: 1)
            try await cluster.settle(app, at: 1)
            let template = try #require(try await cluster.containers().first)
            var ours = template.labels
            ours["apus.instance.id"] = "AI-00000000-0000-4000-8000-000000000000"
            ours["apus.app.id"] = "GONE-1"
            var foreign = ours
            foreign["apus.cluster"] = "another-cluster"
            let stray = try await run("stray-\(UUID().uuidString.prefix(8))", labels: ours, on: cluster.engine)
            let other = try await run("other-\(UUID().uuidString.prefix(8))", labels: foreign, on: cluster.engine)
            try await cluster.eventually("the stray is gone", within: .seconds(30)) {
                let left = try await cluster.containers()
                try check(!left.contains { $0.id == stray }, "it still stands: \(left.map(\.name))")
            }
            let details = try await cluster.engine.inspect(other)
            #expect(details.state.isRunning, "a container of another cluster is nobody's business")
            try await cluster.engine.remove(other, force: true, volumes: true)
            try await cluster.settle(app, at: 1)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `bad input gets the contract's errors and changes nothing`() async throws {
        try await withDevCluster { cluster in
            let url = cluster.api.endpoint + "/apis/v1/applications/operations"
            let long = String(repeating: "x", count: 10 * 1024 * 1024)
            let cases: [(String, UInt, String)] = [
                ("{", 400, "JSON validation failure"), ("[]", 400, "validation failure"), ("", 400, "must not be null"),
                (#"{"type":"NOPE"}"#, 400, "JSON validation failure"),
                (#"{"type":"SCALE","appId":7,"requiredInstances":"many"}"#, 400, "validation failure"),
                (
                    #"{"type":"SCALE","appId":"A-1","requiredInstances":9999,"opSpec":{"timeout":"1m","parallelism":0,"failureStrategy":"STOP"}}"#,
                    400, "Command validation failure"
                ),
                (long, 413, "FAILED"),
            ]
            for (body, status, text) in cases {
                let (code, answer) = try await post(url, body)
                #expect(code == status, "\(body.prefix(60)): \(answer.prefix(200))")
                #expect(answer.contains(text), "\(body.prefix(60)): \(answer.prefix(200))")
            }
            #expect(try await cluster.api.applications().isEmpty)
            try await cluster.api.ping()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a second start on the same state is refused, a normal end leaves containers running`() async throws {
        try await withDevCluster { cluster in
            let app = try await cluster.deploy(service("WEB"), instances: 1)
            try await cluster.settle(app, at: 1)
            let before = try await cluster.containers().map(\.id)
            #expect(await cluster.terminate() == 0)
            #expect(try await cluster.containers().filter(\.isRunning).map(\.id) == before)
            try await cluster.startAndAnswer()
            try await cluster.settle(app, at: 1)
            #expect(try await cluster.containers().map(\.id) == before)
        }
    }

    /// Runs the image's own command: it heeds SIGTERM, so that its stop takes no time of the test's.
    private func run(_ name: String, labels: [String: String], on engine: DockerEngine) async throws -> ContainerID {
        let id = try await engine.create(
            ContainerPlan(
                name: name,
                image: DevCluster.image,
                labels: labels,
                memoryMB: 16
            )
        )
        try await engine.start(id)
        return id
    }
}

func get(_ url: String) async throws -> String {
    let answer = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(5))
    return String(buffer: try await answer.body.collect(upTo: 1 << 20))
}

func post(_ url: String, _ body: String) async throws -> (UInt, String) {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(string: body))
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
    return (answer.status.code, String(buffer: try await answer.body.collect(upTo: 65_536)))
}
