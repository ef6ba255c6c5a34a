package import ApusModel
import NIOHTTP1

/// One of the cluster's controllers, as the API lists it.
package struct ControllerSummary: Sendable {
    package enum State: String, Sendable {
        case leader = "LEADER"
        case standby = "STANDBY"
        case absent = "ABSENT"
    }

    package var id: String
    package var state: State
    /// Where its API is, or was; `nil` if it has not said.
    package var url: String?
    package var version: String?
    /// When it came to that state; `nil` of one that is absent.
    package var since: WallTime?
    package var lastSeen: WallTime

    package init(json: JSON) throws(JSONError) {
        id = try json.string("controllerId")
        // Of states that are not known here all is to be feared.
        state = State(rawValue: try json.string("state")) ?? .absent
        if let transport = json["transportType"]?.text {
            url = "\(transport.lowercased())://\(try json.string("hostname")):\(try json.integer("port"))"
        }
        version = json["version"]?.text
        if case .integer(let since)? = json["since"] { self.since = WallTime(milliseconds: since) }
        lastSeen = WallTime(milliseconds: try json.integer("lastSeen"))
    }
}

/// Calls about controllers.
extension APIClient {
    package func controllers() async throws -> JSON { try await get("cluster/controllers") }

    /// All that were not forgotten, by id.
    package func controllerSummaries() async throws -> [ControllerSummary] {
        let path = "cluster/controllers"
        guard case .array(let elements) = try await controllers() else { throw unreadable(path) }
        return try elements.map { element in try read(path) { try ControllerSummary(json: element) } }
    }

    /// Has the leader give way to the controller of that id, or else to any; it answers before another one leads.
    package func handOver(to id: String?) async throws {
        _ = try await post("cluster/controllers/hand-over" + (id.map { "?to=\(HTTPCall.encoded($0))" } ?? ""), nil)
    }

    /// Drops one that is absent; any that is not known is `notFound`.
    package func forgetController(_ id: String) async throws -> JSON {
        try await data(.DELETE, "cluster/controllers/\(HTTPCall.encoded(id))", nil)
    }
}
