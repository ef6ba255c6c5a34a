package import ApusModel

/// What is true of the whole cluster and survives every leader: one record.
package struct ClusterFacts: Hashable, Sendable {
    package enum Mode: String, Sendable {
        case normal = "NORMAL"
        /// Nothing is repaired and no operation is taken (contract §0.4).
        case maintenance = "MAINTENANCE"
    }

    package var mode = Mode.normal
    /// When the mode last changed.
    package var changed = WallTime(milliseconds: 0)
    /// How applications are spread whose policy does not say.
    package var spread: SpreadPolicy?

    static let key = RecordKey(.cluster, "facts")
    /// Drove's text (contract §0.4).
    package static let maintenanceText = "Cluster is in maintenance mode"

    package init() {}
}

extension ClusterFacts {
    var record: JSON {
        .members([
            "schema": 1, "mode": .string(mode.rawValue), "changed": changed.json, "spread": spread?.json,
        ])
    }

    init(record json: JSON) throws(JSONError) {
        mode = Mode(rawValue: try json.string("mode")) ?? .normal
        changed = WallTime(milliseconds: try json.integer("changed"))
        if let recorded = json["spread"] { spread = try SpreadPolicy(json: recorded) }
    }
}
