import ApusClient
import ApusModel

/// Whose lines are asked for: those of one, or of all instances of an application or a local service.
enum LogSubject: Hashable, Sendable {
    case one(LogOwner)
    case application(AppID)
    case localService(ServiceID)

    /// Whose lines there are to begin with, oldest first: if none lives, of the one that ended last.
    ///
    /// - Throws: `CommandFailure` if there is none at all, or `ClientError`.
    func owners(_ client: APIClient) async throws -> [LogOwner] {
        let living = try await living(client)
        guard living.isEmpty else { return living }
        switch self {
        case .one(let owner): return [owner]
        case .application(let app):
            // Tells apart who has none and who is not there.
            _ = try await client.application(app)
            if let last = try await client.endedInstances(of: app, atMost: 1).first { return [.instance(app, last.id)] }
        case .localService(let service):
            _ = try await client.service(service)
            if let last = try await client.endedInstances(of: service).first {
                return [.localService(service, last.id)]
            }
        }
        throw CommandFailure(.other, "\(name) has no instance, and none has ended that is still known")
    }

    /// The instances that live, oldest first.
    func living(_ client: APIClient) async throws -> [LogOwner] {
        switch self {
        case .one(let owner): [owner]
        case .application(let app): try await client.instances(of: app).map { .instance(app, $0.id) }
        case .localService(let service):
            try await client.instances(of: service).map { .localService(service, $0.id) }
        }
    }

    /// Nobody is expected to write any more once those have ended that live.
    func isOver(_ client: APIClient) async throws -> Bool {
        do {
            switch self {
            case .one: return true
            case .application(let app): return try await client.application(app).expected == 0
            case .localService(let service): return try await client.service(service).activation != "ACTIVE"
            }
        } catch let error as ClientError where error.code == .notFound {
            return true
        }
    }

    var name: String {
        switch self {
        case .one(let owner): owner.name
        case .application(let app): app.rawValue
        case .localService(let service): service.rawValue
        }
    }
}
