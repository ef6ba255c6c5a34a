package import ApusModel
import HashTreeCollections

/// The stored form of the state: JSON with a schema version, one record a thing.
let recordSchema: Int64 = 1

extension Engine {
    /// What is to be stored under a key now; a thing that is no more is deleted.
    func write(for key: RecordKey, at times: Times) -> Write {
        let json: JSON? =
            switch key.kind {
            case .application: state.applications[AppID(key.id)]?.record(at: times.now)
            case .localService: state.localServices[ServiceID(key.id)]?.record(at: times.now)
            case .member: state.members[ExecutorID(key.id)]?.record
            case .hint: hint(key)
            case .ended: endedPage(key.id)
            case .task: TaskID(rawValue: key.id).flatMap { taskRecord($0, at: times.now) }
            case .cluster: key == ClusterFacts.key ? state.facts.record : nil
            }
        return json.map { .put(key, $0.bytes) } ?? .delete(key)
    }

    private func taskRecord(_ id: TaskID, at now: Moment) -> JSON? {
        guard let run = state.tasks[id] else { return nil }
        return run.record(live: run.instance.flatMap { state.instances[$0] }, at: now)
    }

    private func hint(_ key: RecordKey) -> JSON? {
        let (executor, page) = HintPages.place(of: key)
        let instances = hints.entries(of: executor, page: page).compactMap { state.instances[$0]?.hint }
        guard !instances.isEmpty else { return nil }
        return .members([
            "schema": .integer(recordSchema), "executor": executor.json, "instances": .array(instances),
        ])
    }

    private func endedPage(_ id: String) -> JSON? {
        guard let slash = id.lastIndex(of: "/"), let number = Int(id[id.index(after: slash)...]) else { return nil }
        let history = state.ended[Self.endedOwner(String(id[..<slash]))]
        guard let page = history?.pages.first(where: { $0.number == number }) else { return nil }
        return .members([
            "schema": .integer(recordSchema), "page": .integer(Int64(number)),
            "entries": .array(page.entries.map(\.record)),
        ])
    }
}

extension Application {
    /// The stored form.
    package func record(at now: Moment) -> JSON {
        .members([
            "schema": .integer(recordSchema), "expected": .integer(Int64(expected)), "share": share?.json,
            "created": created.json, "updated": updated.json, "operation": operation?.record(at: now),
            "lastOperation": lastOperation?.record, "ordered": ordered > 0 ? .integer(ordered) : nil,
            "spec": spec.json,
        ])
    }

    /// Reads the stored form; an operation under way goes on from `resumed`.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record json: JSON, resumed: Moment) throws(JSONError) {
        self.init(
            spec: try ApplicationSpec(json: try json.required("spec")),
            expected: try json.int("expected"),
            created: WallTime(milliseconds: try json.integer("created")),
            updated: WallTime(milliseconds: try json.integer("updated"))
        )
        if json["ordered"] != nil { ordered = try json.integer("ordered") }
        if let recorded = json["share"] { share = try CapacityShare(json: recorded) }
        if let under = json["operation"] { operation = try Operation(record: under, resumed: resumed) }
        if let ended = json["lastOperation"] { lastOperation = try EndedOperation(record: ended) }
    }
}

extension Operation {
    func record(at now: Moment) -> JSON {
        .members([
            "id": id.json, "kind": .string(kind.rawValue), "parallelism": .integer(Int64(parallelism)),
            "timeout": timeout.json, "failureStrategy": .string(failureStrategy.rawValue),
            "rounds": .integer(Int64(rounds)), "before": .integer(Int64(before)),
            "shareBefore": shareBefore?.json, "order": .string(order.rawValue), "accepted": accepted.json,
            "spentMilliseconds": .integer((spent + (now - resumed)).milliseconds),
            "targets": targets.isEmpty ? nil : .array(targets.map(\.json)), "rollout": rollout?.record,
        ])
    }

    init(record json: JSON, resumed: Moment) throws(JSONError) {
        let opSpec = ClusterOpSpec(
            timeout: try DurationText(json: try json.required("timeout")),
            parallelism: try json.int("parallelism"),
            failureStrategy: json["failureStrategy"]?.text.flatMap(ClusterOpSpec.FailureStrategy.init(rawValue:))
                ?? .stop
        )
        self.init(
            id: OperationID(try json.string("id")),
            kind: try Kind(name: try json.string("kind")),
            opSpec: opSpec,
            accepted: WallTime(milliseconds: try json.integer("accepted")),
            spent: .milliseconds(try json.integer("spentMilliseconds")),
            resumed: resumed
        )
        if let recorded = json["rollout"] { rollout = try Rollout(record: recorded) }
        guard (kind == .rollout) == (rollout != nil) else {
            throw JSONError("operation \(id) does not say what it moves")
        }
        // Those of the first version know none of these.
        guard json["rounds"] != nil else { return }
        rounds = try json.int("rounds")
        before = try json.int("before")
        if let recorded = json["shareBefore"] { shareBefore = try CapacityShare(json: recorded) }
        order = Order(rawValue: try json.string("order")) ?? .startFirst
        targets = try json.instanceIDs("targets")
    }
}

extension JSON {
    /// Absent is none.
    fileprivate func instanceIDs(_ key: String) throws(JSONError) -> [InstanceID] {
        self[key] == nil ? [] : try strings(key).map { InstanceID($0) }
    }
}

extension Operation.Kind {
    init(name: String) throws(JSONError) {
        guard let kind = Self(rawValue: name) else { throw JSONError("operation \(name) is not known") }
        self = kind
    }
}

extension EndedOperation {
    var record: JSON {
        .members([
            "id": id.json, "kind": .string(kind.rawValue), "outcome": .string(outcome.rawValue),
            "reason": .string(reason), "accepted": accepted.json, "ended": ended.json,
            "targets": targets.isEmpty ? nil : .array(targets.map(\.json)), "from": from?.json, "to": to?.json,
        ])
    }

    init(record json: JSON) throws(JSONError) {
        let outcome = try json.string("outcome")
        guard let known = Outcome(rawValue: outcome) else { throw JSONError("outcome \(outcome) is not known") }
        self.init(
            id: OperationID(try json.string("id")),
            kind: try Operation.Kind(name: try json.string("kind")),
            outcome: known,
            reason: try json.string("reason"),
            targets: try json.instanceIDs("targets"),
            from: json["from"]?.text.map { AppID($0) },
            to: json["to"]?.text.map { AppID($0) },
            accepted: WallTime(milliseconds: try json.integer("accepted")),
            ended: WallTime(milliseconds: try json.integer("ended"))
        )
    }
}

extension Member {
    /// The stored form.
    package var record: JSON {
        let lost: JSON? = if case .lost(let since) = presence { since.json } else { nil }
        return .members([
            "schema": .integer(recordSchema), "id": id.json, "key": key.json, "hostname": .string(hostname),
            "port": .integer(Int64(port)), "transport": .string(transport.rawValue), "admitted": admitted.json,
            "description": description.json, "lostSince": lost,
            "duty": duty == .active ? nil : .string(duty.rawValue),
            "dutyOrdered": dutyOrdered > 0 ? .integer(dutyOrdered) : nil, "unready": isReady ? nil : true,
            // Of one that is absent it stays true; of another it is as old as its last change.
            "heard": history.entries.isEmpty ? nil : heardAt.json,
            "history": history.entries.isEmpty ? nil : history.json,
        ])
    }

    /// Reads the stored form.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record json: JSON) throws(JSONError) {
        let admitted = WallTime(milliseconds: try json.integer("admitted"))
        let presence: Presence =
            json["lostSince"] == nil
            ? .joining : .lost(since: WallTime(milliseconds: try json.integer("lostSince")))
        self.init(
            id: ExecutorID(try json.string("id")),
            key: NodeKey(try json.string("key")),
            hostname: try json.string("hostname"),
            port: try json.int("port"),
            transport: TransportType(rawValue: try json.string("transport")) ?? .http,
            description: try NodeDescription(json: try json.required("description")),
            admitted: admitted
        )
        self.presence = presence
        isReady = json["unready"] == nil
        if json["heard"] != nil { heardAt = WallTime(milliseconds: try json.integer("heard")) }
        if json["history"] != nil { history = try MemberHistory(record: try json.array("history")) }
        if json["dutyOrdered"] != nil { dutyOrdered = try json.integer("dutyOrdered") }
        // Those of earlier versions know no duty.
        guard json["duty"] != nil else { return }
        let name = try json.string("duty")
        guard let known = Duty(rawValue: name) else { throw JSONError("the duty \(name) is not known") }
        duty = known
    }
}

extension Instance {
    /// What the store keeps of a live instance; the rest its executor knows.
    package var hint: JSON {
        .members([
            "id": id.json, "app": owner.json, "allocation": allocation.json, "ports": .array(ports.map(\.json)),
            "healthy": .bool(isWell), "epoch": .integer(epoch), "created": created.json,
            "updated": updated.json,
        ])
    }

    /// Reads one page of hints.
    ///
    /// - Throws: `JSONError` with the first fault.
    package static func hints(record json: JSON) throws(JSONError) -> [Instance] {
        let executor = ExecutorID(try json.string("executor"))
        var instances: [Instance] = []
        for hint in try json.array("instances") { instances.append(try Instance(hint: hint, on: executor)) }
        return instances
    }

    init(hint: JSON, on executor: ExecutorID) throws(JSONError) {
        var ports: [PortMapping] = []
        for port in try hint.array("ports") { ports.append(try PortMapping(json: port)) }
        // Ports are reported once the executor has it; before that the START may never have left.
        let isConfirmed = !ports.isEmpty
        let wasWell = try hint.bool("healthy")
        let state: InstanceState = wasWell ? .healthy : isConfirmed ? .unknown : .pending
        self.init(
            InstanceID(try hint.string("id")),
            of: try Owner(json: try hint.required("app")),
            on: executor,
            try ResourceAllocation(json: try hint.required("allocation")),
            epoch: try hint.integer("epoch"),
            at: WallTime(milliseconds: try hint.integer("created"))
        )
        updated = WallTime(milliseconds: try hint.integer("updated"))
        self.state = state
        self.ports = ports
        if isConfirmed { progress = .confirmed }
        isWell = wasWell
    }
}

extension EndedInstance {
    var record: JSON {
        .members([
            "id": id.json, "app": owner.json, "executor": executor.json, "hostname": .string(hostname),
            "allocation": allocation.json, "ports": .array(ports.map(\.json)), "state": .string(state.rawValue),
            "error": .string(error), "cause": cause?.json, "created": created.json, "updated": updated.json,
        ])
    }

    init(record json: JSON) throws(JSONError) {
        var ports: [PortMapping] = []
        for port in try json.array("ports") { ports.append(try PortMapping(json: port)) }
        var cause: EndCause?
        if let recorded = json["cause"] { cause = try EndCause(json: recorded) }
        self.init(
            id: InstanceID(try json.string("id")),
            owner: try Owner(json: try json.required("app")),
            executor: ExecutorID(try json.string("executor")),
            hostname: try json.string("hostname"),
            allocation: try ResourceAllocation(json: try json.required("allocation")),
            ports: ports,
            state: InstanceState(rawValue: try json.string("state")) ?? .unknown,
            error: try json.string("error"),
            cause: cause,
            created: WallTime(milliseconds: try json.integer("created")),
            updated: WallTime(milliseconds: try json.integer("updated"))
        )
    }
}

extension EndedHistory.Page {
    /// Reads one page.
    ///
    /// - Throws: `JSONError` with the first fault.
    package init(record json: JSON) throws(JSONError) {
        var entries: [EndedInstance] = []
        for entry in try json.array("entries") { entries.append(try EndedInstance(record: entry)) }
        self.init(number: try json.int("page"), entries: entries, bytes: json.bytes.count)
    }
}
