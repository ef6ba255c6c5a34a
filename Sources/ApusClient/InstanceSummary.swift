package import ApusModel

/// An instance as the API shows it.
package struct InstanceSummary: Sendable {
    package var id: InstanceID
    package var executor: ExecutorID
    package var hostname: String
    package var ports: [PortMapping]
    /// A Drove state, `HEALTHY` say.
    package var state: String
    /// Empty when all is well.
    package var error: String
    /// How far what takes long has come, a pull say; empty if nothing does.
    package var progress: String
    package var created: WallTime
    package var updated: WallTime
    /// All of it as the API gave it.
    package var json: JSON

    package init(json: JSON) throws(JSONError) {
        self.json = json
        id = InstanceID(try json.string("instanceId"))
        executor = ExecutorID(try json.string("executorId"))
        let local = try json.required("localInfo")
        hostname = try local.string("hostname")
        ports = []
        if case .object(let members)? = local["ports"] {
            for member in members {
                ports.append(
                    PortMapping(
                        name: member.key,
                        containerPort: try member.value.int("containerPort"),
                        hostPort: try member.value.int("hostPort"),
                        type: PortType(rawValue: try member.value.string("portType")) ?? .tcp
                    )
                )
            }
        }
        state = try json.string("state")
        error = try json.string("errorMessage")
        progress = json["progress"]?.text ?? ""
        created = WallTime(milliseconds: try json.integer("created"))
        updated = WallTime(milliseconds: try json.integer("updated"))
    }
}
