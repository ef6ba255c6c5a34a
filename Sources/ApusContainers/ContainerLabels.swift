package import ApusModel

/// What a container says of itself in its labels, so that a restarted executor knows it again.
///
/// Never environment, configuration data, payloads or tokens: everyone who may list containers can read labels.
package struct ContainerLabels: Hashable, Sendable {
    /// Rises when a reader of the old form would misread the new one.
    package static let schema: Int64 = 1

    package var cluster: ClusterID
    package var executor: ExecutorID
    /// The leadership whose START this was.
    package var epoch: Epoch
    package var instance: InstanceID
    package var owner: Owner
    package var appName: String
    package var jobType: JobType
    package var created: WallTime
    package var allocation: ResourceAllocation
    package var ports: [PortMapping]
    /// `nil` of a task.
    package var checks: Checks?
    /// What is done before a stop; hooks with a payload are left out.
    package var hooks: PreShutdownSpec?

    /// How the instance is checked.
    package struct Checks: Hashable, Sendable {
        package var readiness: CheckSpec
        package var healthcheck: CheckSpec
        /// False if a payload was left out: such a check cannot be repeated from the label alone.
        package var isWhole: Bool

        /// Leaves payloads out.
        package init(readiness: CheckSpec, healthcheck: CheckSpec) {
            self.readiness = readiness.withoutPayload
            self.healthcheck = healthcheck.withoutPayload
            isWhole = self.readiness == readiness && self.healthcheck == healthcheck
        }

        fileprivate var json: JSON {
            ["readiness": readiness.json, "healthcheck": healthcheck.json, "whole": .bool(isWhole)]
        }

        fileprivate init(json: JSON) throws(JSONError) {
            readiness = try CheckSpec(json: try json.required("readiness"))
            healthcheck = try CheckSpec(json: try json.required("healthcheck"))
            isWhole = try json.bool("whole")
        }
    }

    package init(
        cluster: ClusterID,
        executor: ExecutorID,
        epoch: Epoch,
        instance: InstanceID,
        owner: Owner,
        appName: String,
        jobType: JobType,
        created: WallTime,
        allocation: ResourceAllocation,
        ports: [PortMapping],
        checks: Checks?,
        hooks: PreShutdownSpec?
    ) {
        self.cluster = cluster
        self.executor = executor
        self.epoch = epoch
        self.instance = instance
        self.owner = owner
        self.appName = appName
        self.jobType = jobType
        self.created = created
        self.allocation = allocation
        self.ports = ports
        self.checks = checks
        self.hooks = hooks?.withoutPayloads
    }

    private enum Key {
        static let schema = "apus.schema"
        static let cluster = "apus.cluster"
        static let executor = "apus.executor"
        static let epoch = "apus.epoch"
        static let instance = "apus.instance.id"
        static let app = "apus.app.id"
        static let service = "apus.service.id"
        static let taskSource = "apus.task.source"
        static let task = "apus.task.id"
        static let appName = "apus.app.name"
        static let jobType = "apus.job.type"
        static let created = "apus.created"
        static let allocation = "apus.allocation"
        static let ports = "apus.ports"
        static let checks = "apus.checks"
        static let hooks = "apus.hooks"
    }

    /// The labels by which an executor finds its own containers and no one else's.
    package static func selection(cluster: ClusterID, executor: ExecutorID) -> [String: String] {
        [Key.cluster: cluster.rawValue, Key.executor: executor.rawValue]
    }

    /// As the engine keeps them.
    package var dictionary: [String: String] {
        var labels = [
            Key.schema: String(Self.schema), Key.cluster: cluster.rawValue, Key.executor: executor.rawValue,
            Key.epoch: String(epoch), Key.instance: instance.rawValue, Key.appName: appName,
            Key.jobType: jobType.rawValue, Key.created: String(created.milliseconds),
            Key.allocation: allocation.json.serialized, Key.ports: JSON.array(ports.map(\.json)).serialized,
            Key.checks: (checks?.json ?? .null).serialized,
            Key.hooks: (hooks?.json ?? .null).serialized,
        ]
        switch owner {
        case .application(let app): labels[Key.app] = app.rawValue
        case .localService(let service): labels[Key.service] = service.rawValue
        case .task(let task): (labels[Key.taskSource], labels[Key.task]) = (task.source, task.name)
        }
        return labels
    }
}

/// Why labels do not describe an instance of Apus.
package enum LabelFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Apus did not make this container.
    case foreign
    /// One label is missing or unreadable.
    case damaged(label: String, reason: String)

    package var description: String {
        switch self {
        case .foreign: "it has no label apus.schema: Apus did not make it"
        case .damaged(let label, let reason): "label \(label) \(reason)"
        }
    }
}

extension ContainerLabels {
    /// Reads a container's labels back.
    ///
    /// All of them must be sound. Those of a later schema are not read at all: they would be misread.
    package init(reading labels: [String: String]) throws(LabelFault) {
        guard let schemaText = labels[Key.schema] else { throw .foreign }
        guard let schema = Int64(schemaText), schema >= 1 else {
            throw .damaged(label: Key.schema, reason: "is \(schemaText), not a positive number")
        }
        guard schema <= Self.schema else {
            throw .damaged(
                label: Key.schema,
                reason: "is \(schema): a later version of Apus made it, this one reads up to \(Self.schema)"
            )
        }
        let reader = LabelReader(labels: labels)
        let owner: Owner =
            if labels[Key.task] != nil {
                .task(TaskID(source: try reader.text(Key.taskSource), name: try reader.text(Key.task)))
            } else if labels[Key.service] != nil {
                .localService(ServiceID(try reader.text(Key.service)))
            } else {
                .application(AppID(try reader.text(Key.app)))
            }
        self.init(
            cluster: ClusterID(try reader.text(Key.cluster)),
            executor: ExecutorID(try reader.text(Key.executor)),
            epoch: try reader.integer(Key.epoch),
            instance: InstanceID(try reader.text(Key.instance)),
            owner: owner,
            appName: try reader.text(Key.appName),
            jobType: try reader.jobType(Key.jobType),
            created: WallTime(milliseconds: try reader.integer(Key.created)),
            allocation: try reader.json(Key.allocation, ResourceAllocation.init(json:)),
            ports: try reader.json(Key.ports, Self.ports(of:)),
            checks: try reader.json(Key.checks, Self.checks(of:)),
            hooks: try reader.json(Key.hooks, Self.hooks(of:))
        )
    }

    /// Written as `null` for a task, which is not checked.
    private static func checks(of json: JSON) throws(JSONError) -> Checks? {
        json == .null ? nil : try Checks(json: json)
    }

    private static func hooks(of json: JSON) throws(JSONError) -> PreShutdownSpec? {
        json == .null ? nil : try PreShutdownSpec(json: json)
    }

    private static func ports(of json: JSON) throws(JSONError) -> [PortMapping] {
        guard case .array(let elements) = json else { throw JSONError("it must be an array") }
        var ports: [PortMapping] = []
        for element in elements { ports.append(try PortMapping(json: element)) }
        return ports
    }
}

private struct LabelReader {
    let labels: [String: String]

    func text(_ label: String) throws(LabelFault) -> String {
        guard let text = labels[label], !text.isEmpty else { throw .damaged(label: label, reason: "is missing") }
        return text
    }

    func integer(_ label: String) throws(LabelFault) -> Int64 {
        let text = try text(label)
        guard let number = Int64(text) else { throw .damaged(label: label, reason: "is \(text), not a number") }
        return number
    }

    func jobType(_ label: String) throws(LabelFault) -> JobType {
        let text = try text(label)
        guard let type = JobType(rawValue: text) else {
            throw .damaged(label: label, reason: "is \(text), which is no type of job")
        }
        return type
    }

    func json<Value>(
        _ label: String,
        _ read: (JSON) throws(JSONError) -> Value
    ) throws(LabelFault) -> Value {
        let text = try text(label)
        do {
            return try read(try JSON(parsing: text))
        } catch {
            throw .damaged(label: label, reason: "cannot be read: \(error)")
        }
    }
}

extension CheckMode {
    fileprivate var withoutPayload: CheckMode {
        guard case .http(var check) = self else { return self }
        check.payload = nil
        return .http(check)
    }
}

extension CheckSpec {
    fileprivate var withoutPayload: CheckSpec {
        var copy = self
        copy.mode = mode.withoutPayload
        return copy
    }
}

extension PreShutdownSpec {
    /// A hook cut short might do harm: better none.
    fileprivate var withoutPayloads: PreShutdownSpec {
        var copy = self
        copy.hooks = hooks.filter { $0.withoutPayload == $0 }
        return copy
    }
}
