import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// Applications, their instances, and what is asked of them (contract §1.1).
extension Handling {
    func operate() async throws(APIRefusal) -> APIAnswer {
        let operation: ApplicationOperation
        switch ApplicationOperation.validated(try call.json()) {
        case .success(let valid): operation = valid
        case .failure(let refusal): throw .spec(refusal)
        }
        let answer: JSON = .members(["appId": operation.appID.json])
        return await change(.application(operation), accepted: .success(answer))
    }

    func cancel() async -> APIAnswer {
        await change(.cancel(AppID(parameter(0))), accepted: .success(nil)) { texts in
            .failed(400, texts.joined(separator: "; "))
        }
    }

    func validateSpec() throws(APIRefusal) -> APIAnswer {
        try validate(Workload.application)
        return .success(.members(["valid": true]))
    }

    /// Checks the specification that is the body.
    func validate<Spec: SpecPart>(_ workload: (Spec) -> Workload) throws(APIRefusal) {
        try refuseInMaintenance()
        switch Spec.validated(try call.json()) {
        case .failure(let refusal): throw .spec(refusal)
        case .success(let spec):
            let refusals = api.allowances.refusals(of: workload(spec))
            guard refusals.isEmpty else { throw .spec(.violations(refusals)) }
        }
    }

    /// Tries a rule on facts given with it; nothing of the cluster is looked at.
    func dryRunRule() throws(APIRefusal) -> APIAnswer {
        try refuseInMaintenance()
        let dryRun: RuleDryRun
        switch RuleDryRun.validated(try call.json()) {
        case .failure(let refusal): throw .spec(refusal)
        case .success(let valid): dryRun = valid
        }
        if case .failure(let error) = dryRun.rule.expression {
            let notEvaluated: JSON = ["status": "FAILURE", "error": "Not evaluated"]
            let check = JSON.string(error.description)
            return .success(.members(["status": false, "checkResult": check, "evalResult": notEvaluated]))
        }
        let (ran, result): (Bool, JSON)
        do throws(RuleError) {
            let accepts = try RuleEvaluation(dryRun.facts).accepts(dryRun.rule)
            (ran, result) = (true, ["status": "SUCCESS", "result": .bool(accepts), "error": ""])
        } catch {
            (ran, result) = (false, ["status": "FAILURE", "result": false, "error": .string(error.description)])
        }
        let check: JSON = ["status": "SUCCESS", "error": ""]
        return .success(.members(["status": .bool(ran), "checkResult": check, "evalResult": result]))
    }

    // MARK: applications

    func applications() throws(APIRefusal) -> APIAnswer {
        let (from, size) = (try call.count("from", default: 0), try call.count("size", default: Int(Int32.max) - 1))
        let order = state.applications.map { (created: $1.created, id: $0) }
            .sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        let page = order.dropFirst(from).prefix(size).compactMap { state.applications[$0.id] }
        return .success(.object(page.map { JSON.Member($0.id.rawValue, summary(of: $0)) }))
    }

    func application() throws(APIRefusal) -> APIAnswer { .success(summary(of: try known())) }

    func applicationSpec() throws(APIRefusal) -> APIAnswer { .success(try known().spec.masked) }

    private func known() throws(APIRefusal) -> Application {
        let id = AppID(parameter(0))
        guard let application = state.applications[id] else { throw .notFound("App \(id) not found") }
        return application
    }

    func summary(of application: Application) -> JSON {
        application.summary(in: state, operation: state.operation(on: application), at: api.time().now)
    }

    // MARK: instances

    func instances() throws(APIRefusal) -> APIAnswer {
        let asked = try call.states()
        let wanted = asked.isEmpty ? InstanceState.active : asked
        return .success(.array(allInstances(of: AppID(parameter(0))).filter { wanted.contains($0.state) }.map(\.json)))
    }

    /// Those that ended last come first, so that a short page shows what happened last.
    func oldInstances() throws(APIRefusal) -> APIAnswer {
        let (start, size) = (try call.count("start", default: 0), try call.count("size", default: Int(Int32.max) - 1))
        let old = allInstances(of: AppID(parameter(0))).filter { !InstanceState.active.contains($0.state) }
            .sorted { ($0.updated, $0.created, $0.id) > ($1.updated, $1.created, $1.id) }
        return .success(.array(old.dropFirst(start).prefix(size).map(\.json)))
    }

    func instance() throws(APIRefusal) -> APIAnswer {
        let (app, id) = (AppID(parameter(0)), InstanceID(parameter(1)))
        if let instance = allInstances(of: app).first(where: { $0.id == id }) { return .success(instance.json) }
        throw .notFound("No such application instance \(app)/\(id)")
    }

    /// Live and ended ones, oldest first; none if the application is unknown.
    private func allInstances(of app: AppID) -> [InstanceView] {
        guard let name = state.applications[app]?.spec.name else { return [] }
        return allInstances(state.instances(of: app), endedOf: .application(app), name: name)
    }

    func allInstances(_ live: [Instance], endedOf owner: Owner, name: String) -> [InstanceView] {
        let live = live.map { instance in
            InstanceView(instance, ownerName: name, hostname: state.members[instance.executor]?.hostname ?? "")
        }
        let ended = state.endedInstances(of: owner).map { InstanceView($0, ownerName: name) }
        return (live + ended).sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }
}
