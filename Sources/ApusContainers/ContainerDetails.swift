package import ApusModel

/// What a container is doing, as the engine tells it.
package enum ContainerState: Hashable, Sendable {
    /// Never started, or its start failed.
    case created
    /// `pid` is that of its first process, as the host counts.
    case running(pid: Int)
    case paused(pid: Int)
    case restarting
    case removing
    /// The engine may fail to notice that memory ran out; the event `outOfMemory` then still tells.
    case exited(code: Int64, outOfMemory: Bool)
    /// Half removed by an engine that failed at it.
    case dead
    /// A word that this version does not know.
    case unknown(String)

    /// It has processes.
    package var isRunning: Bool {
        switch self {
        case .running, .paused, .restarting: true
        case .created, .removing, .exited, .dead, .unknown: false
        }
    }
}

/// One container, as `inspect` shows it.
package struct ContainerDetails: Hashable, Sendable {
    package var id: ContainerID
    package var name: String
    package var labels: [String: String]
    package var state: ContainerState
    /// The engine's own word on a failed start; empty otherwise.
    package var error: String
    /// Published now; empty unless it runs.
    package var ports: [PublishedPort]
    /// `nil` if it never started.
    package var startedAt: WallTime?

    /// The host's number of its first process while it runs.
    package var pid: Int? {
        switch state {
        case .running(let pid), .paused(let pid): pid
        case .created, .restarting, .removing, .exited, .dead, .unknown: nil
        }
    }

    /// Reads the engine's answer.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(engineJSON json: JSON) throws(JSONError) {
        let state = try json.required("State")
        id = ContainerID(try json.string("Id"))
        name = Self.plain(try json.string("Name"))
        labels = try (json["Config"] ?? .null).stringMap("Labels")
        error = state["Error"]?.text ?? ""
        startedAt = state["StartedAt"]?.text.flatMap(WallTime.init(rfc3339:))
        self.state = try Self.state(of: state)
        ports = try Self.ports(of: (json["NetworkSettings"] ?? .null)["Ports"])
    }

    /// The engine writes names with a leading slash.
    static func plain(_ name: String) -> String { name.hasPrefix("/") ? String(name.dropFirst()) : name }

    private static func state(of json: JSON) throws(JSONError) -> ContainerState {
        switch try json.string("Status") {
        case "created": .created
        case "running": .running(pid: try json.int("Pid"))
        case "paused": .paused(pid: try json.int("Pid"))
        case "restarting": .restarting
        case "removing": .removing
        case "exited": .exited(code: try json.integer("ExitCode"), outOfMemory: try json.bool("OOMKilled"))
        case "dead": .dead
        case let other: .unknown(other)
        }
    }

    private static func ports(of json: JSON?) throws(JSONError) -> [PublishedPort] {
        guard case .object(let members) = json ?? .null else { return [] }
        var ports: [PublishedPort] = []
        for member in members {
            // A port that the image exposes and nobody published has null here.
            guard case .array(let bindings) = member.value else { continue }
            let parts = member.key.split(separator: "/")
            guard parts.count == 2, let port = Int(parts[0]) else { throw JSONError("port \(member.key) is odd") }
            // Neither Apus nor its users ask for SCTP.
            guard let transport = PublishedPort.Transport(rawValue: String(parts[1])) else { continue }
            for binding in bindings {
                let hostPort = try binding.string("HostPort")
                guard let number = Int(hostPort) else { throw JSONError("host port \(hostPort) is no number") }
                ports.append(
                    PublishedPort(
                        hostAddress: try binding.string("HostIp"),
                        hostPort: number,
                        containerPort: port,
                        transport: transport
                    )
                )
            }
        }
        return ports
    }
}

/// One container, as a list shows it.
package struct ContainerSummary: Hashable, Sendable {
    package var id: ContainerID
    package var name: String
    package var labels: [String: String]
    /// It has processes; for how it ended, inspect it.
    package var isRunning: Bool

    /// Reads an entry of the engine's list.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(engineJSON json: JSON) throws(JSONError) {
        id = ContainerID(try json.string("Id"))
        name = ContainerDetails.plain(try json.strings("Names").first ?? "")
        labels = try json.stringMap("Labels")
        isRunning = ["running", "paused", "restarting"].contains(try json.string("State"))
    }
}
