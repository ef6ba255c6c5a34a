import ApusEngine
import ApusModel

/// What requests are about, for the ledgers and the trace.
extension Command {
    /// The application it is about; `nil` of a task's or a local service's.
    var app: AppID? { apps.first }

    /// The applications that it may change: of a rollout both.
    var apps: [AppID] {
        switch self {
        case .application(.rollout(let app, let from, _, _)): [app, from]
        case .application(let operation): [operation.appID]
        case .cancel(let app): [app]
        case .task, .forget, .cluster, .localService, .cancelService: []
        }
    }

    /// The kind its application's record shows; `nil` if none does.
    var kind: String? {
        guard case .application(let operation) = self else { return nil }
        return switch operation {
        case .create(_, let instances, _): instances > 0 ? "CREATE" : nil
        case .createShare: "CREATE"
        case .scale, .scaleToShare: "SCALE"
        case .suspend: "SUSPEND"
        case .recover: "RECOVER"
        case .destroy: "DESTROY"
        case .startInstances: "START_INSTANCES"
        case .stopInstances: "STOP_INSTANCES"
        case .replaceInstances: "REPLACE_INSTANCES"
        case .rollout: "ROLLOUT"
        }
    }

    var words: String {
        switch self {
        case .application(let operation): "\(operation.typeName) \(operation.appID)"
        case .cancel(let app): "cancel \(app)"
        case .localService(let operation): "\(operation.typeName) local service \(operation.serviceID)"
        case .cancelService(let service): "cancel local service \(service)"
        case .task(.create(let spec, _)): "create task \(spec.id)"
        case .task(.kill(let task, _)): "kill task \(task)"
        case .forget(let task): "forget task \(task)"
        case .cluster(let command): "\(command)"
        }
    }
}
