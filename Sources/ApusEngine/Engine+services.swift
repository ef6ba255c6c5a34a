import ApusModel
import ApusPlacement
import HashTreeCollections

/// Requests about local services (contract §4.5): accepted or refused at once.
extension Engine {
    mutating func accept(_ operation: LocalServiceOperation, at times: Times) -> CommandOutcome {
        if case .create(let spec, let count) = operation { return create(spec, instancesPerHost: count, at: times) }
        let id = operation.serviceID
        guard let service = state.localServices[id] else {
            return .refused(["No state found for local service: \(id)"])
        }
        if let refusal = refusal(of: operation, in: service.state) { return .refused([refusal]) }
        let violations = begin(operation, on: service, at: times)
        return violations.isEmpty ? .accepted(.localService(id)) : .refused(violations)
    }

    private mutating func create(
        _ spec: LocalServiceSpec,
        instancesPerHost: Int,
        at times: Times
    ) -> CommandOutcome {
        guard state.localServices[spec.id] == nil else {
            return .refused(["Local service \(spec.id) already exists"])
        }
        guard !spec.isHostLevel || instancesPerHost == 1 else {
            return .refused(["Host level service cannot have more than one instance"])
        }
        let refusals = settings.allowances.refusals(of: .localService(spec))
        guard refusals.isEmpty else { return .refused(refusals) }
        let service = LocalService(
            spec: spec,
            instancesPerHost: instancesPerHost,
            created: times.wall,
            updated: times.wall
        )
        state.localServices[spec.id] = service
        state.localServices[spec.id]?.ordered = state.epoch
        touch(spec.id)
        return .accepted(.localService(spec.id))
    }

    /// - Returns: why it cannot be done as things are; empty if it was taken up.
    private mutating func begin(
        _ operation: LocalServiceOperation,
        on service: LocalService,
        at times: Times
    ) -> [String] {
        switch operation {
        case .create: return []
        case .activate: activate(service, .active, at: times)
        case .deployTestInstance: activate(service, .configTesting, at: times)
        case .deactivate: activate(service, .inactive, at: times)
        case .destroy: begin(.destroy, .standard, targets: [], on: service, at: times)
        case .updateInstanceCount(_, let count):
            guard !service.spec.isHostLevel else {
                return [
                    "Instance count update is allowed only for services that do not have Host Level option set"
                ]
            }
            state.localServices[service.id]?.instancesPerHost = count
            activate(service, service.activation, at: times)
        case .adjustInstances(_, let opSpec):
            begin(.adjustInstances, opSpec, targets: [], on: service, at: times)
        case .replaceInstances(_, let ids, let stopFirst, let opSpec):
            return replace(ids, of: service, stopFirst: stopFirst, opSpec, at: times)
        case .restart(_, let stopFirst, let opSpec):
            return replace([], of: service, stopFirst: stopFirst, opSpec, at: times)
        case .stopInstances(_, let ids, let opSpec):
            let targets = healthy(of: service, named: ids)
            guard !targets.isEmpty else { return ["There are no healthy instances with ids: \(list(ids))"] }
            begin(.stopInstances, opSpec, targets: targets, on: service, at: times)
        }
        return []
    }

    /// Wants the service so from now on; whoever asks again wants it tried again now.
    mutating func activate(_ service: LocalService, _ activation: ActivationState, at times: Times) {
        state.localServices[service.id]?.activation = activation
        state.localServices[service.id]?.updated = times.wall
        state.localServices[service.id]?.ordered = state.epoch
        state.localServices[service.id]?.backoffs = [:]
        state.localServices[service.id]?.shortfalls = [:]
        // An inactive one would stop them.
        if activation != .inactive { adoptStrays(of: .localService(service.id), at: times) }
        touch(service.id)
    }

    private mutating func replace(
        _ ids: [InstanceID],
        of service: LocalService,
        stopFirst: Bool,
        _ opSpec: ClusterOpSpec,
        at times: Times
    ) -> [String] {
        // Elsewhere no replacement could start.
        let targets = healthy(of: service, named: ids).filter { id in
            state.instances[id].map { stance(of: $0.executor) == .able } ?? false
        }
        guard !targets.isEmpty else {
            return ["There are no replaceable healthy instances with ids: \(list(ids))"]
        }
        // Two cannot have the host's port at a time.
        let order: Operation.Order = stopFirst || service.spec.isHostLevel ? .stopFirst : .startFirst
        begin(.replaceInstances, opSpec, targets: targets, order, on: service, at: times)
        return []
    }

    /// All if no ids are named.
    private func healthy(of service: LocalService, named ids: [InstanceID]) -> [InstanceID] {
        let named = Set(ids)
        return state.instances(of: service.id).filter { $0.isHealthy && (ids.isEmpty || named.contains($0.id)) }
            .prefix(Self.mostTargets).map(\.id)
    }

    /// Ids of more would not fit into one record; those that are left are the next operation's.
    private static let mostTargets = 2048

    private func list(_ ids: [InstanceID]) -> String { "[\(ids.map(\.rawValue).joined(separator: ", "))]" }

    private mutating func begin(
        _ kind: Operation.Kind,
        _ opSpec: ClusterOpSpec,
        targets: [InstanceID],
        _ order: Operation.Order = .startFirst,
        on service: LocalService,
        at times: Times
    ) {
        var operation = Operation(
            id: OperationID("OP-\(random.uuid())"),
            kind: kind,
            opSpec: opSpec,
            accepted: times.wall,
            resumed: times.now
        )
        let steps = targets.isEmpty ? state.members.count * service.instancesPerHost : targets.count
        operation.rounds = max(1, (steps + opSpec.parallelism - 1) / opSpec.parallelism)
        operation.targets = targets
        operation.order = order
        state.localServices[service.id]?.operation = operation
        activate(service, service.activation, at: times)
    }

    mutating func touch(_ service: ServiceID) {
        touched.insert(RecordKey(.localService, service.rawValue))
        dirty.insert(.localService(service))
    }

    /// Drove's texts (contract §3.6, §4.5).
    private func refusal(of operation: LocalServiceOperation, in current: LocalServiceState) -> String? {
        let allowed: [String] =
            switch current {
            case .inactive:
                ["ACTIVATE", "ADJUST_INSTANCES", "DEPLOY_TEST_INSTANCE", "DESTROY", "UPDATE_INSTANCE_COUNT"]
            case .configTesting:
                [
                    "ACTIVATE", "ADJUST_INSTANCES", "DEACTIVATE", "REPLACE_INSTANCES", "RESTART", "STOP_INSTANCES",
                ]
            case .active:
                [
                    "ADJUST_INSTANCES", "DEACTIVATE", "REPLACE_INSTANCES", "RESTART", "STOP_INSTANCES",
                    "UPDATE_INSTANCE_COUNT",
                ]
            case .emergencyDeactivationRequested: ["DEACTIVATE"]
            case .initial, .activationRequested, .configTestingRequested, .deactivationRequested,
                .adjustingInstances, .deployingTestInstance, .replacingInstances, .stoppingInstances,
                .updatingInstancesCount, .destroyRequested, .destroyed:
                []
            }
        let id = operation.serviceID
        guard !allowed.isEmpty else {
            return "No operations allowed for \(id) as it is in \(current.rawValue) state"
        }
        guard allowed.contains(operation.typeName) else {
            let names = allowed.joined(separator: ", ")
            return "Only [\(names)] allowed for local service \(id) as it is in \(current.rawValue) state"
        }
        return nil
    }
}
