import ApusModel
import ApusPlacement
import HashTreeCollections

/// Requests for change: accepted or refused at once, worked on from the next decision.
extension Engine {
    /// Most instances of one application, as many as SCALE may ask for.
    static let mostInstances = 2048

    mutating func accept(_ command: Command, at times: Times) -> CommandOutcome {
        if state.facts.mode == .maintenance, command.waitsForMaintenance {
            return .refused([ClusterFacts.maintenanceText])
        }
        return switch command {
        case .application(let operation): accept(operation, at: times)
        case .cancel(let app): cancel(app, at: times)
        case .localService(let operation): accept(operation, at: times)
        case .cancelService(let service): cancel(service, at: times)
        case .task(let operation): accept(operation, at: times)
        case .forget(let task): forget(task, at: times)
        case .cluster(let command): accept(command, at: times)
        }
    }

    private mutating func accept(_ command: ClusterCommand, at times: Times) -> CommandOutcome {
        switch command {
        case .setMode(let mode): .cluster(.facts(set(mode, at: times)))
        case .order(let order, let selection): self.order(order, selection, at: times)
        case .setSpread(let spread): .cluster(.facts(set(spread)))
        case .confirmStops: .cluster(.released(confirmStops(at: times)))
        case .confirmRestoration: confirmRestoration(at: times)
        }
    }

    private mutating func accept(_ operation: ApplicationOperation, at times: Times) -> CommandOutcome {
        if case .create(let spec, let instances, let opSpec) = operation {
            return create(spec, instances: instances, opSpec, at: times)
        }
        if case .createShare(let spec, let share, let opSpec) = operation {
            return create(spec, instances: 0, share: share, opSpec, at: times)
        }
        let id = operation.appID
        guard let application = state.applications[id] else { return .refused(["No state found for app: \(id)"]) }
        if let refusal = refusal(of: operation, on: application) { return .refused([refusal]) }
        let violations = begin(operation, on: application, at: times)
        return violations.isEmpty ? .accepted(.application(id)) : .refused(violations)
    }

    private mutating func create(
        _ spec: ApplicationSpec,
        instances: Int,
        share: CapacityShare? = nil,
        _ opSpec: ClusterOpSpec,
        at times: Times
    ) -> CommandOutcome {
        guard state.applications[spec.id] == nil else { return .refused(["App \(spec.id) already exists"]) }
        let refusals = settings.allowances.refusals(of: .application(spec))
        guard refusals.isEmpty else { return .refused(refusals) }
        let instances = share.map { capacity.follow(spec, $0) } ?? instances
        var application = Application(spec: spec, expected: instances, created: times.wall, updated: times.wall)
        application.share = share
        application.ordered = state.epoch
        if instances > 0 {
            application.operation = newOperation(.create, opSpec, steps: instances, on: application, at: times)
            application.operation?.before = 0
            application.operation?.shareBefore = nil
        }
        state.applications[spec.id] = application
        // Instances of an earlier application of this id, or found without one, are its own now.
        adoptStrays(of: .application(spec.id), at: times)
        touch(spec.id)
        return .accepted(.application(spec.id))
    }

    /// Takes up an operation that the application's state allows.
    ///
    /// - Returns: why it cannot be done as things are; empty if it was taken up.
    private mutating func begin(
        _ operation: ApplicationOperation,
        on application: Application,
        at times: Times
    ) -> [String] {
        let live = state.instances(of: application.id)
        switch operation {
        case .create, .createShare: return []
        case .startInstances(_, let instances, let opSpec):
            return scale(.startInstances, to: application.expected + instances, opSpec, application, at: times)
        case .scale(_, let required, let opSpec):
            return scale(.scale, to: required, opSpec, application, at: times)
        case .scaleToShare(_, let share, let opSpec):
            var followed = capacity
            let required = followed.follow(application.spec, share)
            return scale(.scale, to: required, share: share, opSpec, application, at: times)
        case .suspend(_, let opSpec):
            begin(.suspend, expected: 0, opSpec, steps: live.count, on: application, at: times)
        case .recover:
            begin(
                .recover,
                expected: application.expected,
                share: application.share,
                .standard,
                steps: 1,
                on: application,
                at: times
            )
        case .destroy(_, let opSpec):
            begin(.destroy, expected: 0, opSpec, steps: live.count, on: application, at: times)
        case .stopInstances(_, let ids, let skipRespawn, let opSpec):
            let named = Set(ids)
            let unknown = named.subtracting(live.map(\.id)).sorted()
            guard unknown.isEmpty else {
                let list = unknown.map(\.rawValue).joined(separator: ",")
                return ["App \(application.id) does not have any instances with the following ids: \(list)"]
            }
            let fewer = skipRespawn ? live.count { $0.isAlive && named.contains($0.id) } : 0
            let targets = live.map(\.id).filter(named.contains)
            begin(
                .stopInstances,
                expected: max(0, application.expected - fewer),
                share: fewer > 0 ? nil : application.share,
                opSpec,
                steps: targets.count,
                on: application,
                at: times
            ) { $0.targets = targets }
        case .replaceInstances(_, let ids, let stopFirst, let opSpec):
            let named = Set(ids)
            let targets = live.filter { $0.isHealthy && (ids.isEmpty || named.contains($0.id)) }.map(\.id)
            guard !targets.isEmpty, targets.count <= Self.mostInstances else {
                return [
                    "There are no replaceable healthy instances with ids: "
                        + "[\(ids.map(\.rawValue).joined(separator: ", "))]"
                ]
            }
            begin(
                .replaceInstances,
                expected: application.expected,
                share: application.share,
                opSpec,
                steps: targets.count,
                on: application,
                at: times
            ) { operation in
                operation.targets = targets
                operation.order = stopFirst ? .stopFirst : .startFirst
            }
        case .rollout(_, let from, let size, _):
            return rollOut(operation, to: application, from: from, size, at: times)
        }
        return []
    }

    private mutating func scale(
        _ kind: Operation.Kind,
        to required: Int,
        share: CapacityShare? = nil,
        _ opSpec: ClusterOpSpec,
        _ application: Application,
        at times: Times
    ) -> [String] {
        guard required <= Self.mostInstances else {
            return ["App \(application.id) can have at most \(Self.mostInstances) instances, not \(required)"]
        }
        let alive = state.instances(of: application.id).count { $0.isAlive }
        let lacking = lacking(for: .application(application.spec), instances: required - alive)
        guard lacking.isEmpty else { return lacking }
        begin(kind, expected: required, share: share, opSpec, steps: abs(required - alive), on: application, at: times)
        return []
    }

    /// Ends an application of which nothing runs.
    mutating func destroy(_ application: Application, at times: Times) {
        begin(.destroy, expected: 0, .standard, steps: 1, on: application, at: times)
    }

    /// `steps` is the number of instances that it starts or stops, for the time it may take; without a `share` the
    /// expected count stands from now on.
    mutating func begin(
        _ kind: Operation.Kind,
        expected: Int,
        share: CapacityShare? = nil,
        _ opSpec: ClusterOpSpec,
        steps: Int,
        on application: Application,
        at times: Times,
        _ detail: (inout Operation) -> Void = { _ in }
    ) {
        var application = application
        if let current = application.operation {
            application.lastOperation = current.ended(.superseded, "\(kind.rawValue) was asked for", at: times.wall)
        }
        var operation = newOperation(kind, opSpec, steps: steps, on: application, at: times)
        detail(&operation)
        application.operation = operation
        application.expected = expected
        application.share = share
        follow(application)
        application.updated = times.wall
        application.ordered = state.epoch
        // Whoever asks again wants it tried again now.
        application.backoff = Backoff()
        state.applications[application.id] = application
        touch(application.id)
    }

    private mutating func newOperation(
        _ kind: Operation.Kind,
        _ opSpec: ClusterOpSpec,
        steps: Int,
        on application: Application,
        at times: Times
    ) -> Operation {
        var operation = Operation(
            id: OperationID("OP-\(random.uuid())"),
            kind: kind,
            opSpec: opSpec,
            accepted: times.wall,
            resumed: times.now
        )
        operation.before = application.expected
        operation.shareBefore = application.share
        operation.rounds = max(1, (steps + opSpec.parallelism - 1) / opSpec.parallelism)
        return operation
    }

    mutating func touch(_ app: AppID) {
        touched.insert(RecordKey(.application, app.rawValue))
        dirty.insert(.application(app))
        markPartner(of: app)
    }

    /// Drove's texts (contract §3.6, §4.2); they do not name ROLLOUT, which Drove does not know.
    func refusal(of operation: ApplicationOperation, on application: Application) -> String? {
        let current = application.state
        let allowed: [String] =
            switch current {
            case .monitoring: ["DESTROY", "RECOVER", "SCALE_INSTANCES", "START_INSTANCES"]
            case .running:
                [
                    "RECOVER", "REPLACE_INSTANCES", "SCALE_INSTANCES", "START_INSTANCES", "STOP_INSTANCES", "SUSPEND",
                ]
            case .scalingRequested where rollouts[application.id] != nil: []
            case .scalingRequested: ["SCALE_INSTANCES"]
            case .initial, .outageDetected, .stopInstancesRequested, .replaceInstancesRequested, .destroyRequested,
                .destroyed, .failed:
                []
            }
        let id = application.id
        guard !allowed.isEmpty else {
            return "No operations allowed for \(id) as it is in \(current.rawValue) state"
        }
        if case .rollout = operation, current == .monitoring || current == .running { return nil }
        guard allowed.contains(operation.typeName) else {
            return
                "Only [\(allowed.joined(separator: ", "))] allowed for app \(id) as it is in \(current.rawValue) state"
        }
        return nil
    }

    /// Drove's capacity check of the growth (contract §3.6): what cannot fit in the whole cluster is refused at once.
    ///
    /// `freed` is what goes as it comes.
    func lacking(
        for workload: Workload,
        instances growth: Int,
        freed: (cores: Int, memoryMB: Int64) = (0, 0)
    ) -> [String] {
        // Who has not spoken to this leader yet may well have room.
        guard growth > 0, joining.isEmpty else { return [] }
        let totals = ledger.totals(permittedBy: workload.placementPolicy)
        guard totals.executors > 0 else { return ["No executors on cluster"] }
        let resources = workload.resources
        var violations: [String] = []
        let cores = growth * resources.cores - freed.cores
        let memory = Int64(growth) * resources.memoryMB - freed.memoryMB
        if cores > totals.freeCores {
            violations.append("Cluster does not have enough CPU. Required: \(cores) Available: \(totals.freeCores)")
        }
        if memory > totals.freeMemoryMB {
            violations.append(
                "Cluster does not have enough Memory. Required: \(memory) Available: \(totals.freeMemoryMB)"
            )
        }
        if freed.cores == 0, resources.cores > totals.mostFreeCoresOnOneNode {
            violations.append(
                """
                Required cores exceeds the maximum core available on a single NUMA node in the cluster. \
                Required: \(resources.cores) Max: \(totals.mostFreeCoresOnOneNode)
                """
            )
        }
        return violations
    }
}
