package import ApusModel

/// A task's record: what it is, where it was placed, how it ended.
extension TaskRun {
    /// The stored form; `live` is its instance while it has one.
    package func record(live: Instance?, at now: Moment) -> JSON {
        let live = if case .placed = phase { live } else { nil as Instance? }
        return .members([
            "schema": .integer(1), "created": created.json, "updated": updated.json, "timeout": timeout.json,
            "spentMilliseconds": .integer((spent + (now - resumed)).milliseconds), "killed": .bool(isKilled),
            "refusals": .integer(Int64(refusals)), "executor": live?.executor.json, "assignment": live?.hint,
            "end": end?.record, "spec": spec.json,
        ])
    }

    /// Reads a record, and the instance that it had.
    ///
    /// - Throws: `JSONError` with the first fault.
    package static func reading(record json: JSON, resumed: Moment) throws(JSONError) -> (TaskRun, Instance?) {
        let spec = try TaskSpec(json: try json.required("spec"))
        var instance: Instance?
        var phase = Phase.unplaced
        if let end = json["end"] {
            phase = .ended(try TaskEnd(record: end))
        } else if let assignment = json["assignment"] {
            let assigned = try Instance(hint: assignment, on: ExecutorID(try json.string("executor")))
            phase = .placed(assigned.id)
            instance = assigned
        }
        let run = TaskRun(
            spec: spec,
            timeout: try DurationText(json: try json.required("timeout")),
            created: WallTime(milliseconds: try json.integer("created")),
            updated: WallTime(milliseconds: try json.integer("updated")),
            phase: phase,
            refusals: try json.int("refusals"),
            isKilled: try json.bool("killed"),
            spent: .milliseconds(try json.integer("spentMilliseconds")),
            resumed: resumed,
            noted: resumed
        )
        return (run, instance)
    }
}

extension TaskEnd {
    fileprivate var record: JSON {
        .members([
            "state": .string(state.rawValue), "cause": cause?.json, "error": .string(error), "at": at.json,
            "place": place?.record,
        ])
    }

    fileprivate init(record json: JSON) throws(JSONError) {
        var cause: EndCause?
        if let recorded = json["cause"] { cause = try EndCause(json: recorded) }
        var place: TaskPlace?
        if let recorded = json["place"] { place = try TaskPlace(record: recorded) }
        self.init(
            place: place,
            state: InstanceState(rawValue: try json.string("state")) ?? .stopped,
            cause: cause,
            error: try json.string("error"),
            at: WallTime(milliseconds: try json.integer("at"))
        )
    }
}

extension TaskPlace {
    fileprivate var record: JSON {
        .members([
            "instance": instance.json, "executor": executor.json, "hostname": .string(hostname),
            "allocation": allocation.json,
        ])
    }

    fileprivate init(record json: JSON) throws(JSONError) {
        self.init(
            instance: InstanceID(try json.string("instance")),
            executor: ExecutorID(try json.string("executor")),
            hostname: try json.string("hostname"),
            allocation: try ResourceAllocation(json: try json.required("allocation"))
        )
    }
}
