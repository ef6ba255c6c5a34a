import ApusClient
import ApusModel

/// Whose output is shown: one instance, or a task.
enum LogOwner: Hashable, Sendable {
    case instance(AppID, InstanceID)
    case localService(ServiceID, InstanceID)
    case task(TaskID)

    /// What its lines are shown under.
    var name: String {
        switch self {
        case .instance(_, let instance), .localService(_, let instance): instance.rawValue
        case .task(let task): task.rawValue
        }
    }

    func files(_ client: APIClient) -> LogClient {
        switch self {
        case .instance(let app, let instance):
            LogClient(client, kind: "applications", owner: app.rawValue, name: instance.rawValue)
        case .localService(let service, let instance):
            LogClient(client, kind: "localservices", owner: service.rawValue, name: instance.rawValue)
        case .task(let task):
            LogClient(client, kind: "tasks", owner: task.source, name: task.name)
        }
    }

    /// Shows the last lines of one of its files.
    func show(_ file: String, _ range: LogRange, _ client: APIClient, _ printer: LogPrinter) async throws {
        do {
            let view = LogView(files: files(client)) { _ in }
            printer.show(try await view.lines(of: file, range), of: name)
        } catch let error as ClientError where error.code == .notFound {
            throw try await withoutFiles(client, error) ?? error
        }
    }

    /// Why there are no files of it to be had; `nil` if there is no more to say.
    func withoutFiles(_ client: APIClient, _ error: ClientError) async throws -> CommandFailure? {
        switch self {
        case .task(let task):
            // An unknown one is told by the call.
            let there = try await client.task(task)
            let whereabouts = error.message == LogClient.unknown ? "the executor that had it is gone" : error.message
            let why = there.instance.rawValue.isEmpty ? "it has not run" : whereabouts
            return CommandFailure(.other, "\(there.progress)\nThere is no output: \(why)")
        case .localService: return nil
        case .instance(let app, let instance):
            guard error.message == LogClient.unknown else { return nil }
            do {
                let task = try await client.task(TaskID(source: app.rawValue, name: instance.rawValue)).id
                return CommandFailure(.other, "\(task) is a task. Its output: apus logs --task \(task)")
            } catch let error as ClientError where error.code == .notFound {
                return nil
            }
        }
    }

    /// Nothing more will be written.
    func hasEnded(_ client: APIClient) async throws -> Bool {
        let path =
            switch self {
            case .instance(let app, let instance): "applications/\(app)/instances/\(instance)"
            case .localService(let service, let instance): "localservices/\(service)/instances/\(instance)"
            case .task(let task): "tasks/\(task.source)/instances/\(task.name)"
            }
        do {
            let state = try await client.get(path)["state"]?.text ?? ""
            return InstanceState(rawValue: state)?.isTerminal ?? false
        } catch let error as ClientError where error.code == .notFound {
            return true
        }
    }
}
