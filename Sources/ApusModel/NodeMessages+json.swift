/// The JSON form of the messages. Each begins with `schema`; a greater one than ours is refused.
extension NodeSchema {
    static let member: JSON = .integer(version)

    static func check(_ json: JSON) throws(JSONError) {
        let schema = try json.integer("schema")
        guard schema >= 1 else { throw JSONError("schema must be 1 or greater") }
        guard schema <= version else {
            throw JSONError(
                "schema \(schema) is of a later version of Apus, this one reads up to \(version): update this one first"
            )
        }
    }
}

extension NodeIdentity {
    /// The form in a report and in records.
    package var json: JSON {
        .members([
            "cluster": cluster.json, "id": id.json, "key": key.json, "incarnation": .integer(incarnation),
            "hostname": .string(hostname), "port": .integer(Int64(port)), "transport": .string(transport.rawValue),
        ])
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        let name = try json.string("transport")
        guard let transport = TransportType(rawValue: name) else { throw JSONError("transport \(name) is not known") }
        self.init(
            cluster: ClusterID(try json.string("cluster")),
            id: ExecutorID(try json.string("id")),
            key: NodeKey(try json.string("key")),
            incarnation: try json.integer("incarnation"),
            hostname: try json.string("hostname"),
            port: try json.int("port"),
            transport: transport
        )
    }
}

extension NodeDescription {
    /// The form in a full report and in records.
    package var json: JSON {
        .members([
            "topology": topology.json, "tags": .array(tags.map { .string($0) }), "metadata": .strings(metadata),
            "zone": zone.map { .string($0) },
        ])
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        self.init(
            topology: try Topology(json: try json.required("topology")),
            tags: try json.strings("tags"),
            metadata: try json.stringMap("metadata"),
            zone: json["zone"] == nil ? nil : try json.string("zone")
        )
    }
}

extension Fence {
    /// The form in messages and records.
    package var json: JSON { .members(["epoch": .integer(epoch), "sequence": .integer(sequence)]) }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        self.init(epoch: try json.integer("epoch"), sequence: try json.integer("sequence"))
    }
}

extension InstanceReport {
    /// The form in messages and records, not that of the public API.
    package var json: JSON {
        .members([
            "id": id.json, "app": owner.json, "appName": .string(appName), "state": .string(state.rawValue),
            "allocation": allocation.json, "ports": .array(ports.map(\.json)), "error": .string(error),
            "cause": cause?.json, "created": created.json, "updated": updated.json, "revision": .integer(revision),
            "restarts": restarts == 0 ? nil : .integer(Int64(restarts)), "progress": progress.map { .string($0) },
        ])
    }

    /// Reads the form of `json`; a state we do not know reads as UNKNOWN.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        var ports: [PortMapping] = []
        for port in try json.array("ports") { ports.append(try PortMapping(json: port)) }
        var cause: EndCause?
        if let value = json["cause"] { cause = try EndCause(json: value) }
        self.init(
            id: InstanceID(try json.string("id")),
            owner: try Owner(json: try json.required("app")),
            appName: try json.string("appName"),
            state: InstanceState(rawValue: try json.string("state")) ?? .unknown,
            allocation: try ResourceAllocation(json: try json.required("allocation")),
            ports: ports,
            error: try json.string("error"),
            cause: cause,
            created: WallTime(milliseconds: try json.integer("created")),
            updated: WallTime(milliseconds: try json.integer("updated")),
            revision: try json.integer("revision"),
            restarts: json["restarts"] == nil ? 0 : try json.int("restarts"),
            progress: json["progress"] == nil ? nil : try json.string("progress")
        )
    }
}

extension InstanceSpec {
    /// The form in messages and in the executor's journal.
    package var json: JSON {
        let workload =
            switch workload {
            case .application(let spec): ("spec", spec.json)
            case .task(let spec): ("task", spec.json)
            case .localService(let spec): ("localService", spec.json)
            }
        return .object(
            [
                JSON.Member("id", id.json), JSON.Member("allocation", allocation.json),
                JSON.Member(workload.0, workload.1),
            ] + (token.map { [JSON.Member("token", .string($0))] } ?? [])
        )
    }

    /// Reads the form of `json`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        let workload: Workload =
            if let task = json["task"] {
                .task(try TaskSpec(json: task))
            } else if let service = json["localService"] {
                .localService(try LocalServiceSpec(json: service))
            } else {
                .application(try ApplicationSpec(json: try json.required("spec")))
            }
        self.init(
            id: InstanceID(try json.string("id")),
            workload: workload,
            allocation: try ResourceAllocation(json: try json.required("allocation")),
            token: json["token"] == nil ? nil : try json.string("token")
        )
    }
}

extension NodeReport {
    /// The message.
    package var json: JSON {
        .members([
            "schema": NodeSchema.member, "identity": identity.json, "revision": .integer(revision),
            "base": .integer(base), "fence": fence?.json, "instances": .array(instances.map(\.json)),
            "description": description?.json,
            "troubles": troubles.isEmpty ? nil : .array(troubles.texts.map { .string($0) }),
            "warnings": warnings.isEmpty ? nil : .array(warnings.map { .string($0) }), "load": load?.json,
            "quarantine": quarantine?.json, "channels": channels,
        ])
    }

    /// Of each trouble what fails, empty if it does not say; texts alone are what earlier versions read.
    private var channels: JSON? {
        guard !troubles.channels.isEmpty else { return nil }
        return .array(troubles.map { .string($0.channel?.rawValue ?? "") })
    }

    private static func troubles(in json: JSON) throws(JSONError) -> [Trouble] {
        let (texts, channels) = (try json.strings("troubles"), try json.strings("channels"))
        return texts.enumerated().map { place, text in
            Trouble(place < channels.count ? NodeChannel(rawValue: channels[place]) : nil, text)
        }
    }

    /// Reads the message.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        try NodeSchema.check(json)
        var instances: [InstanceReport] = []
        for instance in try json.array("instances") { instances.append(try InstanceReport(json: instance)) }
        var fence: Fence?
        if let value = json["fence"] { fence = try Fence(json: value) }
        var description: NodeDescription?
        if let value = json["description"] { description = try NodeDescription(json: value) }
        self.init(
            identity: try NodeIdentity(json: try json.required("identity")),
            revision: try json.integer("revision"),
            base: try json.integer("base"),
            instances: instances,
            fence: fence,
            description: description,
            troubles: try Self.troubles(in: json)
        )
        if json["warnings"] != nil { warnings = try json.strings("warnings") }
        if let value = json["load"] { load = try NodeLoad(json: value) }
        if let value = json["quarantine"] { quarantine = try Quarantine(json: value) }
    }
}

extension ReportAnswer {
    /// The message.
    package var json: JSON {
        .members([
            "schema": NodeSchema.member, "verdict": .string(verdict.rawValue), "epoch": .integer(epoch),
            "canCommit": .bool(canCommit), "applied": .integer(applied), "settled": .array(settled.map(\.json)),
            "reason": .string(reason), "wall": wall?.json,
        ])
    }

    /// Reads the message.
    ///
    /// - Throws: `JSONError` with the first fault; a verdict we do not know is one.
    package init(json: JSON) throws(JSONError) {
        try NodeSchema.check(json)
        let name = try json.string("verdict")
        guard let verdict = Verdict(rawValue: name) else { throw JSONError("verdict \(name) is not known") }
        self.init(
            verdict: verdict,
            epoch: try json.integer("epoch"),
            canCommit: try json.bool("canCommit"),
            applied: try json.integer("applied"),
            settled: try json.strings("settled").map { InstanceID($0) },
            reason: try json.string("reason"),
            wall: json["wall"] == nil ? nil : WallTime(milliseconds: try json.integer("wall"))
        )
    }
}

extension NodeCommand {
    /// The message.
    package var json: JSON {
        let order: JSON =
            switch order {
            case .start(let instance): .members(["type": "START", "instance": instance.json])
            case .stop(let id, let reason):
                .members(["type": "STOP", "instance": id.json, "reason": .string(reason.rawValue)])
            }
        return .members([
            "schema": NodeSchema.member, "cluster": cluster.json, "executor": executor.json, "key": key.json,
            "fence": fence.json, "order": order,
        ])
    }

    /// Reads the message; a stop's reason that we do not know reads as UNKNOWN.
    ///
    /// - Throws: `JSONError` with the first fault; an order we do not know is one.
    package init(json: JSON) throws(JSONError) {
        try NodeSchema.check(json)
        let value = try json.required("order")
        let order: Order
        switch try value.string("type") {
        case "START": order = .start(try InstanceSpec(json: try value.required("instance")))
        case "STOP":
            order = .stop(
                InstanceID(try value.string("instance")),
                StopReason(rawValue: try value.string("reason")) ?? .unknown
            )
        case let type: throw JSONError("order \(type) is not known")
        }
        self.init(
            cluster: ClusterID(try json.string("cluster")),
            executor: ExecutorID(try json.string("executor")),
            key: NodeKey(try json.string("key")),
            fence: try Fence(json: try json.required("fence")),
            order: order
        )
    }
}

extension CommandAnswer {
    /// The message.
    package var json: JSON {
        switch self {
        case .accepted(let report):
            .members(["schema": NodeSchema.member, "accepted": true, "instance": report?.json])
        case .refused(let refusal, let reason):
            .members([
                "schema": NodeSchema.member, "accepted": false, "refusal": .string(refusal.rawValue),
                "reason": .string(reason),
            ])
        }
    }

    /// Reads the message; a refusal we do not know reads as UNSUPPORTED, its reason kept.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(json: JSON) throws(JSONError) {
        try NodeSchema.check(json)
        guard try json.bool("accepted") else {
            self = .refused(
                Refusal(rawValue: try json.string("refusal")) ?? .unsupported,
                reason: try json.string("reason")
            )
            return
        }
        var report: InstanceReport?
        if let value = json["instance"] { report = try InstanceReport(json: value) }
        self = .accepted(report)
    }
}
