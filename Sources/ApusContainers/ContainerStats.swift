package import ApusModel
import NIOHTTP1

/// What a container has used so far, as the engine reads it from the kernel.
package struct ContainerStats: Hashable, Sendable {
    package var cpuNanoseconds: Int64
    /// How often its cores were taken away because it had used its share of a period.
    package var throttledPeriods: Int64
    package var memory: Memory
    /// All its network interfaces together; `nil` if it has none of its own.
    package var network: Network?
    package var blockReadBytes: Int64
    package var blockWrittenBytes: Int64
    /// Processes and threads; `nil` if the kernel does not count them.
    package var processes: Int64?

    package struct Memory: Hashable, Sendable {
        /// Without what the kernel would give back for the asking: files that were read and not used since.
        package var usedBytes: Int64
        /// The most so far, files included; `nil` where the kernel does not keep it.
        package var mostBytes: Int64?
        /// That of the machine, if it has none of its own.
        package var limitBytes: Int64
    }

    package struct Network: Hashable, Sendable {
        package var sent = Direction()
        package var received = Direction()

        package struct Direction: Hashable, Sendable {
            package var bytes: Int64 = 0
            package var errors: Int64 = 0
            package var dropped: Int64 = 0
        }
    }

    /// From the engine's answer; `nil` if it has nothing to tell: the container does not run.
    package init?(engineJSON json: JSON) {
        let (cpu, memory) = (json["cpu_stats"] ?? .null, json["memory_stats"] ?? .null)
        guard let total = (cpu["cpu_usage"] ?? .null).count("total_usage"), let used = memory.count("usage") else {
            return nil
        }
        cpuNanoseconds = total
        throttledPeriods = (cpu["throttling_data"] ?? .null).count("throttled_periods") ?? 0
        // The two generations of the kernel's control groups call it differently.
        let stats = memory["stats"] ?? .null
        let idle = stats.count("total_inactive_file") ?? stats.count("inactive_file") ?? 0
        self.memory = Memory(
            usedBytes: max(0, used - idle),
            mostBytes: memory.count("max_usage"),
            limitBytes: memory.count("limit") ?? 0
        )
        network = json["networks"].map(Network.init(engineJSON:))
        let blocks = json["blkio_stats"]?["io_service_bytes_recursive"] ?? .null
        blockReadBytes = Self.bytes("read", in: blocks)
        blockWrittenBytes = Self.bytes("write", in: blocks)
        processes = json["pids_stats"]?.count("current")
    }

    /// Of all devices; `operation` is written large by some engines.
    private static func bytes(_ operation: String, in blocks: JSON) -> Int64 {
        guard case .array(let entries) = blocks else { return 0 }
        return entries.reduce(0) { sum, entry in
            entry["op"]?.text?.lowercased() == operation ? sum &+ (entry.count("value") ?? 0) : sum
        }
    }
}

extension ContainerStats.Network {
    fileprivate init(engineJSON json: JSON) {
        self.init()
        guard case .object(let interfaces) = json else { return }
        for interface in interfaces {
            sent.add("tx", of: interface.value)
            received.add("rx", of: interface.value)
        }
    }
}

extension ContainerStats.Network.Direction {
    fileprivate mutating func add(_ direction: String, of interface: JSON) {
        bytes &+= interface.count("\(direction)_bytes") ?? 0
        errors &+= interface.count("\(direction)_errors") ?? 0
        dropped &+= interface.count("\(direction)_dropped") ?? 0
    }
}

extension JSON {
    /// A count of the kernel's: none is below 0, and one that goes beyond `Int64` stays at its end.
    fileprivate func count(_ key: String) -> Int64? {
        switch self[key] {
        case .integer(let number): max(0, number)
        case .number(let number): max(0, Int64(exactly: number.rounded()) ?? (number > 0 ? .max : 0))
        default: nil
        }
    }
}

extension DockerEngine {
    /// What a container has used so far; `nil` if it does not run.
    ///
    /// Throws `notFound` if there is none of that id.
    package func stats(of id: ContainerID, within limit: Duration) async throws -> ContainerStats? {
        let doing = "reading what container \(id) uses"
        // Without `one-shot` the engine waits for a second reading; engines that do not know the word wait so.
        let answer = try await call(
            .GET,
            "/containers/\(Self.part(id))/stats",
            query: ["stream": "false", "one-shot": "true"],
            within: limit,
            accepting: [200],
            doing: doing
        )
        return try answer.decoded(doing: doing) { json throws(JSONError) in ContainerStats(engineJSON: json) }
    }
}
