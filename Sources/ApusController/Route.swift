import ApusModel

/// One path of the API and what answers it.
struct Route: Sendable {
    typealias Handler = @Sendable (Handling) async throws(APIRefusal) -> APIAnswer

    let method: String
    /// `/apis/v1/applications/{id}`, say.
    let pattern: String
    /// Who may call it.
    let need: Need
    let handle: Handler
    /// Answered from a state alone, which may be an old one where the caller says so.
    let readsState: Bool
    /// Controllers that do not lead answer it too if it does not.
    let needsLeader: Bool
    /// The media type that a body may say it is.
    let bodyType: String
    /// `nil` stands for any text.
    private let segments: [Substring?]

    private init(
        _ method: String,
        _ path: String,
        _ need: Need = .anyone,
        readsState: Bool = false,
        needsLeader: Bool = true,
        bodyType: String = "application/json",
        _ handle: @escaping Handler
    ) {
        self.method = method
        self.readsState = readsState
        self.needsLeader = needsLeader
        self.need = need
        self.handle = handle
        self.bodyType = bodyType
        pattern = "/apis/v1/\(path)"
        segments = pattern.split(separator: "/").map { $0.hasPrefix("{") ? nil : $0 }
    }

    func matches(_ path: [Substring]) -> Bool {
        path.count == segments.count && zip(path, segments).allSatisfy { $1 == nil || $0 == $1 }
    }

    /// A body that says it is something else is not read; one that says nothing is.
    func takes(_ call: APICall) -> Bool {
        guard call.hasBody, let type = call.contentType else { return true }
        let essence = type.split(separator: ";").first?.lowercased() ?? ""
        return essence.split(separator: " ").joined() == bodyType
    }

    func parameters(of path: [Substring]) -> [String] {
        zip(path, segments).compactMap { $1 == nil ? APICall.decoded($0) : nil }
    }

    private static func get(_ path: String, _ need: Need = .anyone, _ handle: @escaping Handler) -> Route {
        Route("GET", path, need, handle)
    }

    private static func read(_ path: String, _ need: Need = .anyone, _ handle: @escaping Handler) -> Route {
        Route("GET", path, need, readsState: true, handle)
    }

    private static func post(_ path: String, _ need: Need = .anyone, _ handle: @escaping Handler) -> Route {
        Route("POST", path, need, handle)
    }

    /// A literal path stands before the pattern that would match it too.
    static let all: [Route] = [
        get("ping") { _ throws(APIRefusal) in .success("pong") },

        post("applications/operations", .changes) { call throws(APIRefusal) in try await call.operate() },
        post("operations", .changes) { call throws(APIRefusal) in try await call.operate() },
        post("applications/operations/{id}/cancel", .changes) { call throws(APIRefusal) in await call.cancel() },
        post("operations/{id}/cancel", .changes) { call throws(APIRefusal) in await call.cancel() },
        post("applications/validate/spec") { call throws(APIRefusal) in try call.validateSpec() },
        post("applications/placementpolicy/rule/dryrun") { call throws(APIRefusal) in try call.dryRunRule() },
        read("applications") { call throws(APIRefusal) in try call.applications() },
        read("applications/{id}") { call throws(APIRefusal) in try call.application() },
        read("applications/{id}/spec") { call throws(APIRefusal) in try call.applicationSpec() },
        read("applications/{id}/explain") { call throws(APIRefusal) in try await call.explainApplication() },
        read("applications/{id}/instances") { call throws(APIRefusal) in try call.instances() },
        read("applications/{id}/instances/old") { call throws(APIRefusal) in try call.oldInstances() },
        read("applications/{id}/instances/{instance}") { call throws(APIRefusal) in try call.instance() },

        post("tasks/validate/spec") { call throws(APIRefusal) in try call.validateTask() },
        post("tasks/operations", .changes) { call throws(APIRefusal) in try await call.operateTask() },
        Route("POST", "tasks/search", bodyType: "application/x-www-form-urlencoded") { call throws(APIRefusal) in
            try call.searchTask()
        },
        read("tasks") { call throws(APIRefusal) in call.tasks() },
        read("tasks/{source}/instances/{task}") { call throws(APIRefusal) in try call.task() },
        read("tasks/{source}/instances/{task}/explain") { call throws(APIRefusal) in try await call.explainTask() },
        Route("DELETE", "tasks/{source}/instances/{task}") { call throws(APIRefusal) in await call.forgetTask() },

        post("localservices/operations", .changes) { call throws(APIRefusal) in try await call.operateService() },
        post("localservices/operations/{id}/cancel", .changes) { call throws(APIRefusal) in await call.cancelService()
        },
        post("localservices/validate/spec") { call throws(APIRefusal) in try call.validateService() },
        read("localservices") { call throws(APIRefusal) in try call.services() },
        read("localservices/{id}") { call throws(APIRefusal) in try call.service() },
        read("localservices/{id}/spec") { call throws(APIRefusal) in try call.serviceSpec() },
        read("localservices/{id}/explain") { call throws(APIRefusal) in try await call.explainService() },
        read("localservices/{id}/instances") { call throws(APIRefusal) in try call.serviceInstances() },
        read("localservices/{id}/instances/old") { call throws(APIRefusal) in call.oldServiceInstances() },
        read("localservices/{id}/instances/{instance}") { call throws(APIRefusal) in try call.serviceInstance() },

        Route("POST", "instances/{id}/exec", .changes, bodyType: ExecFrame.contentType) { call throws(APIRefusal) in
            try await call.runCommand()
        },

        get("cluster/usage") { call throws(APIRefusal) in await call.usage() },
        read("cluster") { call throws(APIRefusal) in call.cluster() },
        read("cluster/dashboard") { call throws(APIRefusal) in call.dashboard() },
        post("cluster/maintenance/set", .maintenance) { call throws(APIRefusal) in try await call.beginMaintenance() },
        post("cluster/maintenance/unset", .maintenance) { call throws(APIRefusal) in try await call.endMaintenance() },
        post("cluster/strays/confirm", .maintenance) { call throws(APIRefusal) in try await call.confirmStops() },
        post("cluster/restored/confirm", .maintenance) { call throws(APIRefusal) in try await call.confirmRestoration()
        },
        post("cluster/executors/blacklist", .maintenance) { call throws(APIRefusal) in try await call.blacklist() },
        post("cluster/executors/unblacklist", .maintenance) { call throws(APIRefusal) in try await call.unblacklist() },
        post("cluster/executors/{id}/blacklist", .maintenance) { call throws(APIRefusal) in try await call.blacklist()
        },
        post("cluster/executors/{id}/unblacklist", .maintenance) { call throws(APIRefusal) in
            try await call.unblacklist()
        },
        post("cluster/executors/suspend", .maintenance) { call throws(APIRefusal) in try await call.suspendExecutors()
        },
        post("cluster/executors/resume", .maintenance) { call throws(APIRefusal) in try await call.resumeExecutors() },
        post("cluster/executors/retire", .maintenance) { call throws(APIRefusal) in try await call.retireExecutors() },
        read("cluster/executors") { call throws(APIRefusal) in call.executors() },
        read("cluster/executors/{id}") { call throws(APIRefusal) in try call.executor() },
        get("cluster/controllers") { call throws(APIRefusal) in try await call.controllers() },
        post("cluster/controllers/hand-over", .maintenance) { call throws(APIRefusal) in try await call.handOver() },
        Route("DELETE", "cluster/controllers/{id}", .maintenance) { call throws(APIRefusal) in
            try await call.forgetController()
        },
        get("cluster/audit", .maintenance) { call throws(APIRefusal) in try await call.auditLog() },
        get("cluster/events") { call throws(APIRefusal) in try call.listEvents() },
        get("cluster/events/latest") { call throws(APIRefusal) in try call.latestEvents() },
        get("cluster/events/summary") { call throws(APIRefusal) in try call.eventSummary() },
        get("cluster/events/stream") { call throws(APIRefusal) in try call.eventStream() },
        read("cluster/placement/spread") { call throws(APIRefusal) in call.defaultSpread() },
        post("cluster/placement/spread", .maintenance) { call throws(APIRefusal) in try await call.setDefaultSpread() },
        post("cluster/placement/simulate") { call throws(APIRefusal) in try await call.simulatePlacement() },
        read("endpoints") { call throws(APIRefusal) in call.endpoints(named: call.call.values("app")) },
        read("endpoints/app/{name}") { call throws(APIRefusal) in call.endpoints(named: [call.parameter(0)]) },

        get("logfiles/{kind}/{owner}/{id}/list", .logs) { call throws(APIRefusal) in try await call.logFiles() },
        get("logfiles/{kind}/{owner}/{id}/read/{file}", .logs) { call throws(APIRefusal) in try await call.readLogFile()
        },
        get("logfiles/{kind}/{owner}/{id}/download/{file}", .logs) { call throws(APIRefusal) in
            try await call.downloadLogFile()
        },

        get("users", .administration) { call throws(APIRefusal) in call.users() },
        post("users", .administration) { call throws(APIRefusal) in try await call.setUsers() },
        Route("PUT", "users/{name}", .administration) { call throws(APIRefusal) in try await call.setUser() },
        Route("DELETE", "users/{name}", .administration) { call throws(APIRefusal) in try await call.removeUser() },
        post("cluster/export", .administration) { call throws(APIRefusal) in try await call.exportStore() },
        post("cluster/instance-keys/rotate", .administration) { call throws(APIRefusal) in
            try await call.rotateInstanceKeys()
        },

        read("internal/instances", .instances) { call throws(APIRefusal) in try call.instancesOfCaller() },
        post("internal/nodes/report", .nodes) { call throws(APIRefusal) in try await call.report() },
        get("internal/cluster/executors/{id}/instances/last", .nodes) { call throws(APIRefusal) in
            try call.knownInstances(livingOnly: false)
        },
        get("internal/cluster/executors/{id}/instances/current", .nodes) { call throws(APIRefusal) in
            try call.knownInstances(livingOnly: true)
        },
        get("internal/cluster/resources/reserved", .nodes) { call throws(APIRefusal) in call.reservedResources() },
        Route("GET", "internal/history", .controllers, needsLeader: false) { call throws(APIRefusal) in
            try await call.history()
        },
        Route("GET", "internal/history/audit", .controllers, needsLeader: false) { call throws(APIRefusal) in
            try await call.historyOfAudit()
        },
        post("messages", .nodes) { call throws(APIRefusal) in try call.takeDroveMessage() },
    ]
}
