import ApusClient
import ApusModel

/// Does what a plan says for one document.
struct ApplyRun {
    /// More instances than these are not listed.
    private static let mostListed = 10

    let api: APIOptions
    let options: RolloutOptions

    /// - Returns: it as it is then, as the API shows it.
    /// - Throws: `CommandFailure` if it was refused or failed.
    func perform(_ entry: ApplyPlan.Entry) async throws -> JSON? {
        for line in [entry.title] + entry.details { show(line) }
        switch entry.workload {
        case .application(let spec): return try await perform(entry.step, spec)?.json
        case .localService(let spec): return try await perform(entry.step, spec)
        case .task(let spec): return try await perform(entry.step, spec)
        }
    }

    private func perform(_ step: ApplyPlan.Step, _ spec: ApplicationSpec) async throws -> ApplicationSummary? {
        let run = try OperationRun(api, spec.id, command: "apus status \(spec.id)")
        let result: ApplicationSummary?
        var goesBack = false
        switch step {
        case .create(let count):
            let opSpec = options.json(count: count.number, isBeginning: true)
            result = try await run.perform(Self.create(spec, count, opSpec), waiting: options.wait)
        case .rollOut(let from, let count, let isNew):
            if isNew {
                let create = Self.create(spec, .number(0), options.rolloutJSON)
                _ = try await callingAPI { try await run.client.operate(create) }
            }
            let rollout = try RolloutRun(api, from: from, to: spec.id)
            result = try await rollout.perform(count, options.rolloutJSON, waiting: options.wait)
            goesBack = true
        case .scale(_, let count):
            let scale: JSON = .members([
                "type": "SCALE", "appId": spec.id.json, "requiredInstances": count.json,
                "opSpec": options.json(count: count.number, isBeginning: false),
            ])
            result = try await run.perform(scale, waiting: options.wait)
        case .activate, .run, .keep, .refuse: return nil
        }
        if let result, !api.json { try await tell(result, spec, goesBack: goesBack) }
        return result
    }

    private static func create(_ spec: ApplicationSpec, _ count: InstanceCount, _ opSpec: JSON) -> JSON {
        .members(["type": "CREATE", "spec": spec.json, "instances": count.json, "opSpec": opSpec])
    }

    private func perform(_ step: ApplyPlan.Step, _ spec: LocalServiceSpec) async throws -> JSON? {
        guard case .activate(let isNew) = step else { return nil }
        let run = try ServiceRun(api, spec.id)
        if isNew {
            let create: JSON = .members(["type": "CREATE", "spec": spec.json, "instancesPerHost": 1])
            try await callingAPI { try await run.client.operateService(create) }
        }
        let span = options.wait ? try DurationText(parsing: options.timeout).duration : nil
        let service = try await run.carryOut("ACTIVATE", following: span)
        if !api.json { run.report(service) }
        return service.json
    }

    private func perform(_ step: ApplyPlan.Step, _ spec: TaskSpec) async throws -> JSON? {
        guard step == .run else { return nil }
        let create: JSON = .members([
            "type": "CREATE", "spec": spec.json,
            "opSpec": .members([
                "timeout": .string(options.timeout), "parallelism": 1, "failureStrategy": "STOP",
            ]),
        ])
        show("its end is not waited for. Look with: apus tasks show \(spec.id)")
        return try await callingAPI {
            try await api.client.operateTask(create)
            return try await api.client.task(spec.id).json
        }
    }

    /// What runs where, and how to go back.
    private func tell(_ application: ApplicationSummary, _ spec: ApplicationSpec, goesBack: Bool) async throws {
        try OperationRun(api, application.id).report(application)
        let instances = try await callingAPI { try await api.client.instances(of: application.id) }
        for instance in instances.prefix(Self.mostListed) {
            Output.line("  \(instance.id) \(instance.state) on \(instance.hostname), \(instance.addresses)")
        }
        if instances.count > Self.mostListed { Output.line("  and \(instances.count - Self.mostListed) more") }
        if let exposure = spec.exposureSpec { Output.line("  behind \(exposure.vhost)") }
        if goesBack { Output.line("  back to what was before: apus rollback \(spec.name)") }
    }

    private func show(_ line: String) {
        if api.json { Output.error(line) } else { Output.line(line) }
    }
}
