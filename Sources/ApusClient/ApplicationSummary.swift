package import ApusModel

/// An application as the API shows it.
package struct ApplicationSummary: Operated {
    /// The operation under way.
    package struct UnderWay: Hashable, Sendable {
        package var id: OperationID
        package var type: String
        /// How long it has been at work, restarts of the controller left out.
        package var spentMilliseconds: Int64
        /// Between which applications a ROLLOUT moves; `nil` of the other types.
        package var from: AppID?
        package var to: AppID?
        /// Why a ROLLOUT is being taken back; `nil` while it goes forward.
        package var rollingBack: String?
    }

    /// How the last operation ended.
    package struct Ended: Hashable, Sendable {
        package var id: OperationID
        package var type: String
        /// SUCCEEDED, FAILED, ROLLED_BACK, CANCELLED or SUPERSEDED.
        package var outcome: String
        package var reason: String
    }

    /// Why instances are held back, and for how long.
    package struct Backoff: Hashable, Sendable {
        package var failures: Int
        package var waitMilliseconds: Int64
        package var reason: String
    }

    package var id: AppID
    package var name: String
    /// A Drove state, `RUNNING` say.
    package var state: String
    package var expected: Int
    package var running: Int
    package var healthy: Int
    package var totalCPUs: Int64
    package var totalMemoryMB: Int64
    package var created: WallTime
    package var updated: WallTime
    package var operation: UnderWay?
    package var lastOperation: Ended?
    package var backoff: Backoff?
    /// What the expected count follows; `nil` if it stands.
    package var share: CapacityShare?
    /// Why no room was found for more instances.
    package var shortfall: String?
    /// All of it as the API gave it.
    package var json: JSON

    package init(json: JSON) throws(JSONError) {
        self.json = json
        id = AppID(try json.string("id"))
        name = try json.string("name")
        state = try json.string("state")
        expected = try json.int("requiredInstances")
        healthy = try json.int("healthyInstances")
        running = json["runningInstances"] == nil ? healthy : try json.int("runningInstances")
        totalCPUs = try json.integer("totalCPUs")
        totalMemoryMB = try json.integer("totalMemory")
        created = WallTime(milliseconds: try json.integer("created"))
        updated = WallTime(milliseconds: try json.integer("updated"))
        if let value = json["operation"] { operation = try UnderWay(json: value) }
        if let value = json["lastOperation"] { lastOperation = try Ended(json: value) }
        if let value = json["backoff"] {
            backoff = Backoff(
                failures: try value.int("failures"),
                waitMilliseconds: try value.integer("waitMs"),
                reason: try value.string("reason")
            )
        }
        if let value = json["share"] { share = try CapacityShare(json: value) }
        shortfall = json["shortfall"]?.text
    }
}

extension ApplicationSummary.UnderWay {
    init(json: JSON) throws(JSONError) {
        self.init(
            id: OperationID(try json.string("id")),
            type: try json.string("type"),
            spentMilliseconds: json["spentMs"] == nil ? 0 : try json.integer("spentMs"),
            from: json["from"]?.text.map { AppID($0) },
            to: json["to"]?.text.map { AppID($0) },
            rollingBack: json["rollingBack"]?.text
        )
    }
}

extension ApplicationSummary.Ended {
    init(json: JSON) throws(JSONError) {
        self.init(
            id: OperationID(try json.string("id")),
            type: try json.string("type"),
            outcome: try json.string("outcome"),
            reason: try json.string("reason")
        )
    }
}
