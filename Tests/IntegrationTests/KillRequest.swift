import ApusModel
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// A change that is asked of a cluster.
enum KillRequest: Hashable, Sendable {
    case create(AppID, Int)
    case scale(AppID, Int)
    case replace(AppID, [InstanceID])
    case stop(AppID, [InstanceID])
    case suspend(AppID)
    case destroy(AppID)
    /// It ends with this code after so many seconds; without a code it runs until it is killed.
    case run(TaskID, code: Int?, seconds: Int)
    case kill(TaskID)

    enum Answer: Hashable, Sendable {
        case accepted
        case refused
        /// It was cut off: what was asked for may have been accepted or not.
        case none
    }

    var kind: String {
        switch self {
        case .create: "create"
        case .scale: "scale"
        case .replace: "replace"
        case .stop: "stop"
        case .suspend: "suspend"
        case .destroy: "destroy"
        case .run: "run task"
        case .kill: "kill task"
        }
    }

    /// Asks once.
    func ask(_ endpoint: String) async -> Answer {
        do {
            var request = HTTPClientRequest(url: "\(endpoint)/apis/v1/\(path)/operations")
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
            let answer = try await Self.client.execute(request, timeout: .seconds(10))
            _ = try await answer.body.collect(upTo: 65_536)
            // 503 and its like do not say that nothing came of it.
            return answer.status == .ok ? .accepted : answer.status.code < 500 ? .refused : .none
        } catch {
            return .none
        }
    }

    // One pool for the process, never shut down. Asks nothing twice: an address that nobody listens on is told at once.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }()

    private var path: String {
        switch self {
        case .run, .kill: "tasks"
        case .create, .scale, .replace, .stop, .suspend, .destroy: "applications"
        }
    }

    private var body: JSON {
        let opSpec = DevCluster.opSpec(parallelism: 2)
        return switch self {
        case .create(let app, let count):
            [
                "type": "CREATE", "spec": service(String(app.rawValue.dropLast(2)), interval: "200 ms"),
                "instances": .integer(Int64(count)), "opSpec": opSpec,
            ]
        case .scale(let app, let count):
            [
                "type": "SCALE", "appId": app.json, "requiredInstances": .integer(Int64(count)), "opSpec": opSpec,
            ]
        case .replace(let app, let instances):
            [
                "type": "REPLACE_INSTANCES", "appId": app.json, "instanceIds": .array(instances.map(\.json)),
                "opSpec": opSpec,
            ]
        case .stop(let app, let instances):
            [
                "type": "STOP_INSTANCES", "appId": app.json, "instanceIds": .array(instances.map(\.json)),
                "opSpec": opSpec,
            ]
        case .suspend(let app): ["type": "SUSPEND", "appId": app.json, "opSpec": opSpec]
        case .destroy(let app): ["type": "DESTROY", "appId": app.json, "opSpec": opSpec]
        case .run(let id, let code, let seconds):
            [
                "type": "CREATE", "spec": shellTask(id, code.map { "sleep \(seconds); exit \($0)" } ?? "sleep 600"),
                "opSpec": opSpec,
            ]
        case .kill(let id):
            [
                "type": "KILL", "sourceAppName": .string(id.source), "taskId": .string(id.name), "opSpec": opSpec,
            ]
        }
    }
}
