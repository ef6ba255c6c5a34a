package import ApusModel

extension JournalRecord {
    /// One line of the journal.
    package var json: JSON {
        let schema = JSON.integer(Self.schema)
        return switch self {
        case .fence(let fence):
            .members(["schema": schema, "kind": "FENCE", "fence": fence.json])
        case .accepted(let spec, let created, let epoch):
            .members([
                "schema": schema, "kind": "ACCEPTED", "instance": spec.json, "created": created.json,
                "epoch": .integer(epoch),
            ])
        case .adopted(let adopted):
            .members(["schema": schema, "kind": "ADOPTED", "instance": adopted.json])
        case .stopTold(let id, let reason, let at):
            .members([
                "schema": schema, "kind": "STOP_TOLD", "id": id.json, "reason": .string(reason.rawValue),
                "at": at.json,
            ])
        case .container(let id, let container, let ports):
            .members([
                "schema": schema, "kind": "CONTAINER", "id": id.json, "container": container.json,
                "ports": .array(ports.map(\.json)),
            ])
        case .restarting(let id, let count, let error, let at):
            .members([
                "schema": schema, "kind": "RESTARTING", "id": id.json, "count": .integer(Int64(count)),
                "error": .string(error), "at": at.json,
            ])
        case .completed(let id, let cause, let error):
            .members([
                "schema": schema, "kind": "COMPLETED", "id": id.json, "cause": cause.json, "error": .string(error),
            ])
        case .ended(let report):
            .members(["schema": schema, "kind": "ENDED", "instance": report.json])
        case .settled(let id, let at):
            .members(["schema": schema, "kind": "SETTLED", "id": id.json, "at": at.json])
        case .forgotten(let id):
            .members(["schema": schema, "kind": "FORGOTTEN", "id": id.json])
        }
    }

    /// Reads one line of the journal.
    ///
    /// - Throws: `JSONError` with the first fault; a later schema or an unknown kind is one, since what it says would
    ///   be lost at the next rewrite.
    package init(json: JSON) throws(JSONError) {
        let schema = try json.integer("schema")
        guard schema == Self.schema else {
            throw JSONError("the record's schema is \(schema); this version of Apus reads \(Self.schema)")
        }
        switch try json.string("kind") {
        case "FENCE":
            self = .fence(try Fence(json: try json.required("fence")))
        case "ACCEPTED":
            self = .accepted(
                try InstanceSpec(json: try json.required("instance")),
                created: try json.wallTime("created"),
                epoch: try json.integer("epoch")
            )
        case "ADOPTED":
            self = .adopted(try AdoptedInstance(json: try json.required("instance")))
        case "STOP_TOLD":
            self = .stopTold(
                try json.instanceID(),
                StopReason(rawValue: try json.string("reason")) ?? .unknown,
                at: try json.wallTime("at")
            )
        case "CONTAINER":
            self = .container(
                try json.instanceID(),
                ContainerID(try json.string("container")),
                try json.ports()
            )
        case "RESTARTING":
            self = .restarting(
                try json.instanceID(),
                count: try json.int("count"),
                error: try json.string("error"),
                at: try json.wallTime("at")
            )
        case "COMPLETED":
            self = .completed(
                try json.instanceID(),
                try EndCause(json: try json.required("cause")),
                error: try json.string("error")
            )
        case "ENDED":
            self = .ended(try InstanceReport(json: try json.required("instance")))
        case "SETTLED":
            self = .settled(try json.instanceID(), at: try json.wallTime("at"))
        case "FORGOTTEN":
            self = .forgotten(try json.instanceID())
        case let kind:
            throw JSONError("a record of kind \(kind) is not known to this version of Apus")
        }
    }
}

extension AdoptedInstance {
    var json: JSON {
        .members([
            "id": id.json, "app": owner.json, "appName": .string(appName), "allocation": allocation.json,
            "ports": .array(ports.map(\.json)), "container": container.json, "created": created.json,
        ])
    }

    init(json: JSON) throws(JSONError) {
        self.init(
            id: try json.instanceID(),
            owner: try Owner(json: try json.required("app")),
            appName: try json.string("appName"),
            allocation: try ResourceAllocation(json: try json.required("allocation")),
            ports: try json.ports(),
            container: ContainerID(try json.string("container")),
            created: try json.wallTime("created")
        )
    }
}

extension JSON {
    fileprivate func instanceID() throws(JSONError) -> InstanceID { InstanceID(try string("id")) }

    fileprivate func wallTime(_ key: String) throws(JSONError) -> WallTime {
        WallTime(milliseconds: try integer(key))
    }

    fileprivate func ports() throws(JSONError) -> [PortMapping] {
        var ports: [PortMapping] = []
        for port in try array("ports") { ports.append(try PortMapping(json: port)) }
        return ports
    }
}
