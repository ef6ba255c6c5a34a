package import ApusModel

/// An executor as the API lists it.
package struct ExecutorSummary: Sendable {
    package var id: ExecutorID
    package var hostname: String
    package var port: Int
    /// As Drove's clients know it: ACTIVE, UNREADY, BLACKLISTED, say.
    package var state: String
    /// Whether it is heard: PRESENT, SILENT or LOST, say.
    package var presence: String
    /// What operators want of it if not that it works: BLACKLISTED or SUSPENDED, say.
    package var duty: String
    package var freeCores: Int64
    package var usedCores: Int64
    package var freeMemoryMB: Int64
    package var usedMemoryMB: Int64
    package var tags: [String]
    /// Where it stands; `nil` if nobody said so.
    package var zone: String?
    /// What is really free there; `nil` if it is not known.
    package var load: NodeLoad?
    /// What keeps it from serving now.
    package var troubles: [String]
    /// What fails of it, each with the reason: a silent one's reports, say.
    package var failures: [Trouble]
    /// When it was last heard, if it is not heard now.
    package var lastSeen: WallTime?
    /// What people should know of it though it serves.
    package var warnings: [String]
    /// What it waits for before it takes other work.
    package var waitingFor: [String]
    /// Until when it is not given up, though it is silent; `nil` unless that is later than usual.
    package var lossHeldUntil: WallTime?
    /// How many containers it leaves alone, because their labels are not sound.
    package var quarantined: Int64
    /// All of it as the API gave it.
    package var json: JSON

    package init(json: JSON) throws(JSONError) {
        self.json = json
        id = ExecutorID(try json.string("executorId"))
        hostname = try json.string("hostname")
        port = try json.int("port")
        state = try json.string("state")
        presence = json["presence"]?.text ?? ""
        duty = json["duty"]?.text ?? ""
        freeCores = try json.integer("freeCores")
        usedCores = try json.integer("usedCores")
        freeMemoryMB = try json.integer("freeMemory")
        usedMemoryMB = try json.integer("usedMemory")
        tags = try json.strings("tags")
        zone = json["zone"]?.text
        if let value = json["load"] { load = try NodeLoad(json: value) }
        troubles = json["troubles"] == nil ? [] : try json.strings("troubles")
        failures = []
        if json["failedChannels"] != nil {
            for failure in try json.array("failedChannels") { failures.append(try Trouble(json: failure)) }
        }
        if json["lastSeen"] != nil { lastSeen = WallTime(milliseconds: try json.integer("lastSeen")) }
        warnings = json["warnings"] == nil ? [] : try json.strings("warnings")
        waitingFor = json["waitingFor"] == nil ? [] : try json.strings("waitingFor")
        quarantined = json["quarantined"] == nil ? 0 : try json.integer("quarantined")
        if json["lossHeldUntil"] != nil { lossHeldUntil = WallTime(milliseconds: try json.integer("lossHeldUntil")) }
    }
}
