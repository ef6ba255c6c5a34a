import ApusModel
import NIOCore

/// A container in memory.
struct FakeContainer {
    enum State {
        case created
        /// Its published ports are being taken.
        case starting
        case running
        case exited(Int64)
    }

    struct Port: Hashable, Sendable {
        /// `8000/tcp`, as the engine writes it.
        var key: String
        var address: String
        var port: Int
    }

    let id: String
    let name: String
    let labels: [String: String]
    let work: ContainerWork
    let ports: [Port]
    /// What it answers on its ports.
    let page: String
    var state = State.created
    /// What listens on its ports.
    var listeners: [any Channel] = []
    /// Those who wait for what it writes, which is nothing, until its end.
    var readers: [AsyncStream<Void>.Continuation] = []

    /// From what `POST /containers/create` brings.
    init(named name: String, json: JSON) throws {
        id = (0..<4).map { _ in
            let part = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - part.count) + part
        }.joined()
        self.name = name
        labels = try json.stringMap("Labels")
        work = try ContainerWork(command: json["Cmd"] == nil ? [] : json.strings("Cmd"))
        ports = try Self.ports(of: json["HostConfig"]?["PortBindings"] ?? .null)
        let instance = labels["apus.instance.id"] ?? "none"
        page = "instance \(instance) in container \(id)\n"
    }

    private static func ports(of json: JSON) throws(JSONError) -> [Port] {
        guard case .object(let members) = json else { return [] }
        var ports: [Port] = []
        for member in members {
            guard case .array(let bindings) = member.value else { continue }
            for binding in bindings {
                guard let port = Int(try binding.string("HostPort")) else { throw JSONError("HostPort is no number") }
                ports.append(Port(key: member.key, address: try binding.string("HostIp"), port: port))
            }
        }
        return ports
    }

    var isRunning: Bool {
        if case .running = state { true } else { false }
    }

    private var status: String {
        switch state {
        case .created, .starting: "created"
        case .running: "running"
        case .exited: "exited"
        }
    }

    /// As `GET /containers/json` lists it.
    var summary: JSON {
        [
            "Id": .string(id), "Names": [.string("/\(name)")], "Labels": .strings(labels), "State": .string(status),
        ]
    }

    /// As `GET /containers/{id}/json` shows it.
    var details: JSON {
        let code: Int64 = if case .exited(let code) = state { code } else { 0 }
        let published = isRunning ? Dictionary(grouping: ports, by: \.key) : [:]
        return [
            "Id": .string(id), "Name": .string("/\(name)"), "Config": ["Labels": .strings(labels)],
            "State": [
                "Status": .string(status), "Pid": 0, "ExitCode": .integer(code), "OOMKilled": false, "Error": "",
            ],
            "HostConfig": ["LogConfig": ["Type": "none"]],
            "NetworkSettings": [
                "Ports": .object(
                    published.sorted { $0.key < $1.key }.map { key, ports in
                        JSON.Member(
                            key,
                            .array(ports.map { ["HostIp": .string($0.address), "HostPort": .string("\($0.port)")] })
                        )
                    }
                )
            ],
        ]
    }
}
