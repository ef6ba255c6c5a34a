import ApusModel
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A swarm of one machine on the benchmark's engine.
///
/// All it listens on is on loopback, and not the usual ports.
struct Swarm {
    private let call: EngineCall

    init(socket: String, client: HTTPClient) { call = EngineCall(socket: socket, client: client) }

    func begin() async throws {
        try await call.send(
            .POST,
            "/swarm/init",
            [
                "ListenAddr": "127.0.0.1:18377", "AdvertiseAddr": "127.0.0.1", "DataPathAddr": "127.0.0.1",
                "DataPathPort": 18_378,
            ],
            accepting: [200]
        )
    }

    /// Creates a service.
    ///
    /// Its ports are published by its host: the routing mesh needs what not every kernel has. Several replicas have
    /// whatever ports are free.
    func create(
        _ name: String,
        image: String,
        replicas: Int = 1,
        port: Int? = nil,
        delay: Duration? = nil
    ) async throws {
        var policy: [JSON.Member] = [JSON.Member("Condition", "any")]
        if let delay { policy.append(JSON.Member("Delay", .integer(delay.nanoseconds))) }
        try await call.send(
            .POST,
            "/services/create",
            [
                "Name": .string(name), "Mode": ["Replicated": ["Replicas": .integer(Int64(replicas))]],
                "TaskTemplate": [
                    "ContainerSpec": ["Image": .string(image)], "RestartPolicy": .object(policy),
                    "Resources": ["Limits": ["MemoryBytes": .integer(32 << 20)]],
                ],
                "EndpointSpec": [
                    "Ports": [
                        [
                            "Protocol": "tcp", "TargetPort": 8000, "PublishedPort": .integer(Int64(port ?? 0)),
                            "PublishMode": "host",
                        ]
                    ]
                ],
            ],
            accepting: [201]
        )
    }

    /// The ports of a service's running containers.
    func ports(of name: String) async throws -> [Int] {
        let containers = try await containers(of: name)
        return containers.filter { $0["State"] == "running" }.compactMap { container in
            guard case .array(let ports)? = container["Ports"] else { return nil }
            return ports.lazy.compactMap { port in
                if case .integer(let number)? = port["PublicPort"] { Int(number) } else { nil }
            }.first
        }
    }

    /// Removes a service, and waits until its containers are gone.
    func remove(_ name: String) async throws {
        try await call.send(.DELETE, "/services/\(name)", accepting: [200])
        try await until("the containers of \(name) are gone", within: .seconds(120), every: .milliseconds(200)) {
            let left = try await containers(of: name).count
            guard left == 0 else { throw BenchError(description: "\(left) are there") }
        }
    }

    private func containers(of name: String) async throws -> [JSON] {
        let filter = "%7B%22label%22%3A%5B%22com.docker.swarm.service.name%3D\(name)%22%5D%7D"
        let list = try await call.send(.GET, "/containers/json?all=true&filters=\(filter)", accepting: [200])
        guard case .array(let containers) = try JSON(parsing: Array(list.utf8)) else { return [] }
        return containers
    }

    /// Leaves no swarm behind, nor the bridge that it made.
    func end() async {
        do {
            try await call.send(.POST, "/swarm/leave?force=true", accepting: [200, 503])
            try await until("the swarm's bridge can be removed", within: .seconds(30), every: .milliseconds(200)) {
                try await call.send(.DELETE, "/networks/docker_gwbridge", accepting: [204, 404])
            }
        } catch {
            print("the swarm was not left cleanly: \(error)")
        }
    }
}

/// Calls of the engine that Apus itself has no use for.
struct EngineCall {
    let socket: String
    let client: HTTPClient

    @discardableResult
    func send(
        _ method: HTTPMethod,
        _ path: String,
        _ body: JSON? = nil,
        accepting statuses: Set<UInt>
    ) async throws -> String {
        let host = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        var request = HTTPClientRequest(url: "http+unix://\(host)\(path)")
        request.method = method
        // Without it the engine refuses the request.
        request.headers.add(name: "Host", value: "docker")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        let answer = try await client.execute(request, timeout: .seconds(60))
        let text = String(buffer: try await answer.body.collect(upTo: 1 << 20))
        guard statuses.contains(answer.status.code) else {
            throw BenchError(description: "\(method) \(path): \(answer.status) \(text)")
        }
        return text
    }
}
