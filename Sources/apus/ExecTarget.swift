import ApusClient
import ApusModel

/// The instance in which a command is run, as the command line names it.
struct ExecTarget {
    private let id: String
    private let wanted: InstanceID?
    private let client: APIClient

    init(_ id: String, instance: InstanceID?, _ client: APIClient) {
        self.id = id
        wanted = instance
        self.client = client
    }

    /// - Throws: `CommandFailure` if there is none, or `ClientError`.
    func instance() async throws -> InstanceID {
        if wanted == nil, ["AI-", "SI-", "TI-"].contains(where: id.hasPrefix) { return InstanceID(id) }
        if let task = TaskID(rawValue: id) { return try await instance(of: task) }
        if let found = try chosen(of: try await client.instances(of: AppID(id)), id) { return found }
        if let found = try chosen(of: try await client.instances(of: ServiceID(id)), id) { return found }
        let app = try await named()
        if let found = try chosen(of: try await client.instances(of: app), app.rawValue) { return found }
        throw failure("\(app) has no instance")
    }

    private func instance(of task: TaskID) async throws -> InstanceID {
        let found = try await client.task(task)
        guard !found.instance.rawValue.isEmpty, found.result == nil else { throw failure(found.progress) }
        guard wanted == nil || wanted == found.instance else { throw failure("\(id) has no instance \(instanceName)") }
        return found.instance
    }

    /// One of those that the application or service of that id has; `nil` if there are none at all.
    private func chosen(of instances: [InstanceSummary], _ id: String) throws -> InstanceID? {
        guard !instances.isEmpty else { return nil }
        if let wanted {
            guard instances.contains(where: { $0.id == wanted }) else {
                throw failure("\(id) has no instance \(wanted) that lives; look with: apus apps show \(id)")
            }
            return wanted
        }
        // They come oldest first.
        if let healthy = instances.first(where: { $0.state == "HEALTHY" }) { return healthy.id }
        let states = instances.map { "\($0.id) is \($0.state)" }.joined(separator: ", ")
        throw failure("\(id) has no healthy instance (\(states)); name one with --instance")
    }

    /// The application of that name, where nothing has that id.
    private func named() async throws -> AppID {
        // Tells apart who has none and who is not there.
        do {
            _ = try await client.application(AppID(id))
        } catch let error as ClientError where error.code == .notFound {
            do {
                _ = try await client.service(ServiceID(id))
            } catch let error as ClientError where error.code == .notFound {
                return try await KnownApps(client).one(id)
            }
        }
        throw failure("\(id) has no instance")
    }

    private var instanceName: String { wanted.map { "\($0)" } ?? "" }

    private func failure(_ message: String) -> CommandFailure { CommandFailure(.noExitCode, message) }
}
