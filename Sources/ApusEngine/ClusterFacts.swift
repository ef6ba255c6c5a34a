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

    /// Set by an import.
    package var restoration: Restoration?
    /// The executors that were retired last and have not come back, the oldest first.
    package var retired: [RetiredExecutor] = []

    /// Of so many it is known that they must be started again before they may join.
    private static let mostRetired = 1000
    /// Up to when age was counted (`SoundClock`); `nil` before the first look.
    package var checked: WallTime?
    /// The last time that a leader made way for one that reaches more; `nil` if none ever did.
    package var handOver: HandOver?

    package static let key = RecordKey(.cluster, "facts")
    /// Drove's text (contract §0.4).
    package static let maintenanceText = "Cluster is in maintenance mode"

    package init() {}

    mutating func retire(_ executor: RetiredExecutor) {
        retired.removeAll { $0.id == executor.id }
        retired.append(executor)
        retired.removeFirst(max(0, retired.count - Self.mostRetired))
    }
}

/// The state came out of an export.
package struct Restoration: Hashable, Sendable {
    /// That of the import: what was assigned before it may long have ended.
    package var epoch: Epoch
    /// Until then nothing is stopped on the imported state's word.
    package var isConfirmed = false

    package init(epoch: Epoch) { self.epoch = epoch }
}

/// An executor that was forgotten, in the run of its process that was heard last.
package struct RetiredExecutor: Hashable, Sendable {
    package var id: ExecutorID
    package var key: NodeKey
    package var incarnation: Int64
}

extension RetiredExecutor {
    fileprivate var record: JSON {
        .members(["id": id.json, "key": key.json, "incarnation": .integer(incarnation)])
    }

    fileprivate init(record json: JSON) throws(JSONError) {
        id = ExecutorID(try json.string("id"))
        key = NodeKey(try json.string("key"))
        incarnation = try json.integer("incarnation")
    }
}

extension ClusterFacts {
    /// The stored form.
    package var record: JSON {
        .members([
            "schema": 1, "mode": .string(mode.rawValue), "changed": changed.json, "spread": spread?.json,
            "restoration": restoration.map {
                JSON.members(["epoch": .integer($0.epoch), "confirmed": .bool($0.isConfirmed)])
            },
            "retired": retired.isEmpty ? nil : .array(retired.map(\.record)),
            "checked": checked?.json, "handOver": handOver?.record,
        ])
    }

    /// Reads the stored form.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record json: JSON) throws(JSONError) {
        mode = Mode(rawValue: try json.string("mode")) ?? .normal
        changed = WallTime(milliseconds: try json.integer("changed"))
        if let recorded = json["restoration"] {
            restoration = Restoration(epoch: try recorded.integer("epoch"))
            restoration?.isConfirmed = try recorded.bool("confirmed")
        }
        if json["retired"] != nil {
            for executor in try json.array("retired") { retired.append(try RetiredExecutor(record: executor)) }
        }
        if json["checked"] != nil { checked = WallTime(milliseconds: try json.integer("checked")) }
        if let recorded = json["handOver"] { handOver = try HandOver(record: recorded) }
        if let recorded = json["spread"] { spread = try SpreadPolicy(json: recorded) }
    }
}
