package import ApusModel

/// A local service as the API shows it.
package struct ServiceSummary: Operated {
    package var id: ServiceID
    package var name: String
    /// A Drove state, `ACTIVE` say.
    package var state: String
    package var activation: String
    package var instancesPerHost: Int
    /// Over all executors that can have them.
    package var wanted: Int
    /// Those that have not ended.
    package var live: Int
    package var healthy: Int
    package var operation: ApplicationSummary.UnderWay?
    package var lastOperation: ApplicationSummary.Ended?
    /// What stands in the way on which host.
    package var obstacles: [String]
    /// All of it as the API gave it.
    package var json: JSON

    /// Nothing is left to be done.
    package var isSettled: Bool { operation == nil && healthy == wanted && live == wanted }

    package init(json: JSON) throws(JSONError) {
        self.json = json
        id = ServiceID(try json.string("id"))
        name = try json.string("name")
        state = try json.string("state")
        activation = try json.string("activationState")
        instancesPerHost = try json.int("instancesPerHost")
        wanted = try json.int("wantedInstances")
        live = try json.int("liveInstances")
        healthy = try json.int("healthyInstances")
        if let value = json["lastOperation"] { lastOperation = try ApplicationSummary.Ended(json: value) }
        if let value = json["operation"] { operation = try ApplicationSummary.UnderWay(json: value) }
        obstacles = []
        guard json["obstacles"] != nil else { return }
        for obstacle in try json.array("obstacles") {
            obstacles.append("on \(try obstacle.string("hostname")) \(try obstacle.string("reason"))")
        }
    }
}
