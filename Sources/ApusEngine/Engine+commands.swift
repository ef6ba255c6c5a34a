import ApusModel
import ApusPlacement
import HashTreeCollections

/// Requests for change: accepted or refused at once, worked on from the next decision.
extension Engine {
    mutating func accept(_ command: Command, at times: Times) -> CommandOutcome {
        switch command {
        case .application(let operation): accept(operation, at: times)
        case .cancel: .refused(["Current operation could not be cancelled"])
        case .task, .forget: .refused(["Tasks come with a later version of Apus"])
        }
    }

    private mutating func accept(_ operation: ApplicationOperation, at times: Times) -> CommandOutcome {
        if case .create(let spec, let instances, let opSpec) = operation {
            return create(spec, instances: instances, opSpec, at: times)
        }
        let id = operation.appID
        guard let application = state.applications[id] else { return .refused(["No state found for app: \(id)"]) }
        if let refusal = refusal(of: operation, in: application.state) { return .refused([refusal]) }
        switch operation {
        case .create, .startInstances, .stopInstances, .replaceInstances:
            return .refused(["\(operation.typeName) comes with a later version of Apus; SCALE does what it can"])
        case .scale(_, let required, let opSpec):
            if let lacking = lacking(for: application, required: required) { return .refused(lacking) }
            begin(.scale, expected: required, opSpec, on: application, at: times)
        case .suspend(_, let opSpec):
            begin(.suspend, expected: 0, opSpec, on: application, at: times)
        case .recover:
            begin(.recover, expected: application.expected, .standard, on: application, at: times)
        case .destroy(_, let opSpec):
            begin(.destroy, expected: 0, opSpec, on: application, at: times)
        }
        return .accepted(.application(id))
    }

    private mutating func create(
        _ spec: ApplicationSpec,
        instances: Int,
        _ opSpec: ClusterOpSpec,
        at times: Times
    ) -> CommandOutcome {
        guard state.applications[spec.id] == nil else { return .refused(["App \(spec.id) already exists"]) }
        let notBuilt = Workload.application(spec).partsNotBuilt
        guard notBuilt.isEmpty else { return .refused(notBuilt) }
        var application = Application(spec: spec, expected: instances, created: times.wall, updated: times.wall)
        if instances > 0 { application.operation = newOperation(.create, opSpec, at: times) }
        state.applications[spec.id] = application
        // Instances of an earlier application of this id, or found without one, are its own now.
        adoptStrays(of: spec.id, at: times)
        touch(spec.id)
        return .accepted(.application(spec.id))
    }

    private mutating func begin(
        _ kind: Operation.Kind,
        expected: Int,
        _ opSpec: ClusterOpSpec,
        on application: Application,
        at times: Times
    ) {
        var application = application
        if let current = application.operation {
            application.lastOperation = current.ended(
                .superseded,
                "\(kind.rawValue) was asked for",
                at: times.wall
            )
        }
        application.operation = newOperation(kind, opSpec, at: times)
        application.expected = expected
        application.updated = times.wall
        // Whoever asks again wants it tried again now.
        application.backoff = Backoff()
        state.applications[application.id] = application
        touch(application.id)
    }

    private mutating func newOperation(
        _ kind: Operation.Kind,
        _ opSpec: ClusterOpSpec,
        at times: Times
    ) -> Operation {
        Operation(
            id: OperationID("OP-\(random.uuid())"),
            kind: kind,
            parallelism: opSpec.parallelism,
            timeout: opSpec.timeout,
            accepted: times.wall,
            spent: .zero,
            resumed: times.now
        )
    }

    private mutating func touch(_ app: AppID) {
        touched.insert(RecordKey(.application, app.rawValue))
        dirty.insert(.application(app))
    }

    /// Drove's texts (contract §3.6, §4.2), and what is not built yet.
    private func refusal(of operation: ApplicationOperation, in current: ApplicationState) -> String? {
        let allowed: [String] =
            switch current {
            case .monitoring: ["DESTROY", "RECOVER", "SCALE_INSTANCES", "START_INSTANCES"]
            case .running:
                [
                    "RECOVER", "REPLACE_INSTANCES", "SCALE_INSTANCES", "START_INSTANCES", "STOP_INSTANCES", "SUSPEND",
                ]
            case .scalingRequested: ["SCALE_INSTANCES"]
            case .initial, .outageDetected, .stopInstancesRequested, .replaceInstancesRequested, .destroyRequested,
                .destroyed, .failed:
                []
            }
        let id = operation.appID
        guard !allowed.isEmpty else {
            return "No operations allowed for \(id) as it is in \(current.rawValue) state"
        }
        guard allowed.contains(operation.typeName) else {
            return
                "Only [\(allowed.joined(separator: ", "))] allowed for app \(id) as it is in \(current.rawValue) state"
        }
        return nil
    }

    /// Drove's capacity check of the growth (contract §3.6): what cannot fit in the whole cluster is refused at once.
    private func lacking(for application: Application, required: Int) -> [String]? {
        let alive = state.instances(of: application.id).count { $0.isAlive }
        let growth = required - alive
        // Who has not spoken to this leader yet may well have room.
        let isGathering = state.members.contains { _, member in member.presence == .joining }
        guard growth > 0, !isGathering else { return nil }
        let totals = ledger.totals()
        guard totals.executors > 0 else { return ["No executors on cluster"] }
        let resources = application.spec.resources
        var violations: [String] = []
        let (cores, memory) = (growth * resources.cores, Int64(growth) * resources.memoryMB)
        if cores > totals.freeCores {
            violations.append(
                "Cluster does not have enough CPU. Required: \(cores) Available: \(totals.freeCores)"
            )
        }
        if memory > totals.freeMemoryMB {
            violations.append(
                "Cluster does not have enough Memory. Required: \(memory) Available: \(totals.freeMemoryMB)"
            )
        }
        if resources.cores > totals.mostFreeCoresOnOneNode {
            violations.append(
                """
                Required cores exceeds the maximum core available on a single NUMA node in the cluster. \
                Required: \(resources.cores) Max: \(totals.mostFreeCoresOnOneNode)
                """
            )
        }
        return violations.isEmpty ? nil : violations
    }
}

extension Operation {
    func ended(_ outcome: EndedOperation.Outcome, _ reason: String, at wall: WallTime) -> EndedOperation {
        EndedOperation(id: id, kind: kind, outcome: outcome, reason: reason, accepted: accepted, ended: wall)
    }
}
