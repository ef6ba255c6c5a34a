package import ApusModel

/// What a controller tells the others of itself.
package struct ControllerCard: Hashable, Sendable {
    enum Role: String, Sendable {
        case leader = "LEADER"
        case standby = "STANDBY"
    }

    var hostname: String
    var port: Int
    var isEncrypted: Bool
    var version = ApusVersion.text
    var role: Role
    /// When it came to that role.
    var since: WallTime

    /// By what it is listed.
    var id: String { "\(hostname):\(port)" }

    /// Where its API is.
    package var url: String { "\(isEncrypted ? "https" : "http")://\(hostname):\(port)" }

    var bytes: [UInt8] { json.bytes }

    private var json: JSON {
        .members([
            "hostname": .string(hostname), "port": .integer(Int64(port)),
            "transportType": .string(isEncrypted ? "HTTPS" : "HTTP"), "version": .string(version),
            "role": .string(role.rawValue), "since": since.json,
        ])
    }

    init(hostname: String, port: Int, isEncrypted: Bool, role: Role, since: WallTime) {
        self.hostname = hostname
        self.port = port
        self.isEncrypted = isEncrypted
        self.role = role
        self.since = since
    }

    /// - Throws: `JSONError` if it is none.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        let json = try JSON(parsing: bytes)
        hostname = try json.string("hostname")
        port = Int(try json.integer("port"))
        isEncrypted = try json.string("transportType") == "HTTPS"
        version = try json.string("version")
        role = Role(rawValue: try json.string("role")) ?? .standby
        since = WallTime(milliseconds: try json.integer("since"))
    }
}
