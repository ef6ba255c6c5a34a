import ApusEngine
import ApusModel

/// Requests for change in the audit log's words.
extension Command {
    /// A stable word.
    var auditAction: String {
        switch self {
        // On the wire a scale is SCALE.
        case .application(let operation): "APPLICATION_\(operation.json["type"]?.text ?? operation.typeName)"
        case .localService(let operation): "LOCAL_SERVICE_\(operation.typeName)"
        case .cancel: "APPLICATION_CANCEL"
        case .cancelService: "LOCAL_SERVICE_CANCEL"
        case .task(.create): "TASK_CREATE"
        case .task(.kill): "TASK_KILL"
        case .forget: "TASK_FORGET"
        case .cluster(let command): command.auditAction
        }
    }

    /// What it is about, as far as it says itself; `nil` of the whole cluster.
    var auditSubjects: [AuditSubject]? {
        switch self {
        case .application(let operation): [AuditSubject(.application(operation.appID))]
        case .cancel(let app): [AuditSubject(.application(app))]
        case .localService(let operation): [AuditSubject(.localService(operation.serviceID))]
        case .cancelService(let service): [AuditSubject(.localService(service))]
        case .task(let operation): [AuditSubject(.task(operation.task))]
        case .forget(let task): [AuditSubject(.task(task))]
        case .cluster(.order(_, let selection)) where !selection.ids.isEmpty:
            selection.ids.prefix(Self.mostSubjects).map { AuditSubject($0) }
        case .cluster: nil
        }
    }

    /// No more entries are written of one refusal.
    private static let mostSubjects = 100

    /// What was asked for beside the action and the subject.
    var auditDetail: JSON? {
        switch self {
        case .application(let operation): operation.json
        case .localService(let operation): operation.json
        case .task(let operation): operation.json
        case .cluster(let command): command.auditDetail
        case .cancel, .cancelService, .forget: nil
        }
    }
}

extension ClusterCommand {
    fileprivate var auditAction: String {
        switch self {
        case .setMode(.maintenance): "MAINTENANCE_SET"
        case .setMode(.normal): "MAINTENANCE_UNSET"
        case .setSpread: "SPREAD_SET"
        case .confirmStops: "STOPS_CONFIRM"
        case .confirmRestoration: "RESTORATION_CONFIRM"
        case .order(.blacklist, _): "EXECUTOR_BLACKLIST"
        case .order(.unblacklist, _): "EXECUTOR_UNBLACKLIST"
        case .order(.suspend, _): "EXECUTOR_SUSPEND"
        case .order(.resume, _): "EXECUTOR_RESUME"
        case .order(.retire, _): "EXECUTOR_RETIRE"
        }
    }

    fileprivate var auditDetail: JSON? {
        switch self {
        case .setMode, .confirmStops, .confirmRestoration: return nil
        case .setSpread(let spread): return DefaultSpread(spread).json
        case .order(let order, let selection):
            var mode: JSON?
            var confirmed: JSON?
            switch order {
            case .suspend(.finishing): mode = "finish"
            case .suspend(.atOnce(let isConfirmed)): (mode, confirmed) = ("now", .bool(isConfirmed))
            case .blacklist, .unblacklist, .resume, .retire: break
            }
            func list(_ texts: [String]) -> JSON? { texts.isEmpty ? nil : .array(texts.map { .string($0) }) }
            return .members([
                "mode": mode, "confirm": confirmed, "ids": list(selection.ids.map(\.rawValue)),
                "tags": list(selection.tags), "zones": list(selection.zones),
            ])
        }
    }
}
