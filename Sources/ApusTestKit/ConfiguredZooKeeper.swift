import ApusStore
import Foundation

/// A ZooKeeper server that is configured, in a folder of its own; whoever has it starts and ends it.
package struct ConfiguredZooKeeper: Sendable {
    /// What it is among the servers.
    package enum Role: String, Sendable { case leader, follower, standalone }

    /// How soon it gives up other servers, and sessions.
    package enum Pace: Sendable {
        /// The shortest ticks, so that sessions may be short.
        case shortest
        /// As one would have it for sessions of 4 s.
        case usual

        /// In milliseconds.
        fileprivate var tick: Int { self == .shortest ? 200 : 250 }
        fileprivate var syncLimit: Int { self == .shortest ? 5 : 8 }
    }

    private let server: ZooKeeperAddress.Server
    private let folder: String

    /// Writes the configuration of the server with that id, of so many as there are `peers`, each `host:port:port`.
    package init(
        _ id: Int,
        of peers: [String],
        at host: String,
        _ port: Int,
        in folder: String,
        _ pace: Pace
    ) throws {
        self.folder = folder
        server = ZooKeeperAddress.Server(host: host, port: port)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let others = peers.enumerated().map { "server.\($0 + 1)=\($1)" }.joined(separator: "\n")
        let text = """
            tickTime=\(pace.tick)
            initLimit=\(10_000 / pace.tick)
            syncLimit=\(pace.syncLimit)
            minSessionTimeout=\(pace.tick * 2)
            maxSessionTimeout=60000
            dataDir=\(folder)
            clientPort=\(port)
            clientPortAddress=\(host)
            admin.enableServer=false
            4lw.commands.whitelist=*
            \(peers.count > 1 ? others : "")
            """
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try "\(id)\n".write(toFile: "\(folder)/myid", atomically: false, encoding: .utf8)
    }

    package var port: Int { server.port }

    /// Where what it says goes.
    package var log: String { "\(folder)/log" }

    private var path: String { "\(folder)/zoo.cfg" }

    /// The program and its arguments; `jar` is Debian's `zookeeper.jar`, which names what else it needs.
    package func command(jar: String) -> [String] {
        ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jar]
            + ["org.apache.zookeeper.server.quorum.QuorumPeerMain", path]
    }

    /// Sets something else, from its next start on.
    package func set(_ line: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try "\(text)\n\(line)\n".write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// Drops all that it holds, as with a new disk; for one that is not running.
    package func forget() throws { try FileManager.default.removeItem(atPath: "\(folder)/version-2") }

    /// What it answers to a word of four letters; `nil` if nothing comes in time.
    package func answer(to word: String, within limit: Duration) async -> String? {
        await server.answer(to: word, within: limit)
    }

    /// `nil` while it does not serve.
    package func role(within limit: Duration) async -> Role? {
        let lines = await answer(to: "srvr", within: limit)?.split(separator: "\n") ?? []
        let mode = lines.first { $0.hasPrefix("Mode: ") }
        return mode.flatMap { Role(rawValue: String($0.dropFirst("Mode: ".count))) }
    }
}
