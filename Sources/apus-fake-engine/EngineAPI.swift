import ApusModel
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// What Apus asks of a Docker engine, below any version; the rest is refused.
struct EngineAPI: Sendable {
    private static let longestBody = 16 << 20
    /// Stands for the id of an image that is here: all are.
    private static let imageID = "fake:"

    let containers: ContainerSet
    /// A directory that is there.
    let folder: String

    @Sendable func respond(to request: Request, _ context: BasicRequestContext) async throws -> Response {
        do {
            return try await answer(request)
        } catch let refusal as ContainerSet.Refusal {
            return Self.json(["message": .string(refusal.message)], HTTPResponse.Status(code: refusal.status))
        }
    }

    private func answer(_ request: Request) async throws -> Response {
        var parts = request.uri.path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        if let first = parts.first, first.hasPrefix("v1.") { parts.removeFirst() }
        switch (request.method, parts.first, parts.dropFirst().last) {
        case (.get, "version", nil):
            return Self.json(["Version": "fake", "ApiVersion": "1.41", "MinAPIVersion": "1.24"])
        case (.get, "info", nil):
            return Self.json([
                "DockerRootDir": .string(folder), "Driver": "overlay2", "LiveRestoreEnabled": true, "Warnings": [],
            ])
        case (.get, "events", nil): return events(request)
        case (.post, "images", "create"): return Self.json(["status": "Image is up to date"])
        case (.get, "images", "json"): return image(parts.dropFirst().dropLast().joined(separator: "/"))
        case (.delete, "images", _): return Self.json([])
        case (.post, "containers", "create") where parts.count == 2: return try await create(request)
        case (.get, "containers", "json") where parts.count == 2:
            return Self.json(.array(containers.list(Self.labels(request)).map(\.summary)))
        case (_, "containers", .some) where parts.count <= 3: return try await container(request, parts)
        default: throw refusal(of: request)
        }
    }

    private func container(_ request: Request, _ parts: [String]) async throws -> Response {
        let name = parts[1]
        switch (request.method, parts.count == 3 ? parts[2] : nil) {
        case (.get, "json"): return Self.json(try containers.container(name).details)
        case (.post, "start"): return Response(status: try await containers.start(name) ? .noContent : .notModified)
        case (.post, "stop"): return Response(status: try await containers.stop(name) ? .noContent : .notModified)
        case (.delete, nil):
            try await containers.remove(name, force: request.uri.queryParameters["force"] == "1")
            return Response(status: .noContent)
        case (.put, "archive"):
            _ = try await request.body.collect(upTo: Self.longestBody)
            return Response(status: .ok)
        case (.get, "stats"):
            _ = try containers.container(name)
            return Self.json([:])
        case (.get, "logs"): return try logs(request, name)
        default: throw refusal(of: request)
        }
    }

    private func create(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        let name = request.uri.queryParameters["name"].map { String($0) } ?? ""
        let id = try containers.create(named: name, try JSON(parsing: body.readableBytesView))
        return Self.json(["Id": .string(id), "Warnings": []], .created)
    }

    private func image(_ name: String) -> Response {
        let name = name.hasPrefix(Self.imageID) ? String(name.dropFirst(Self.imageID.count)) : name
        return Self.json(["Id": .string(Self.imageID + name), "RepoTags": [.string(name)]])
    }

    private func events(_ request: Request) -> Response {
        let labels = Self.labels(request)
        let since = request.uri.queryParameters["since"].flatMap { Double($0) }.map { Int64($0 * 1_000) * 1_000_000 }
        let events = containers.events(labels, since: since)
        return Response(
            status: .ok,
            body: ResponseBody { writer in
                for await event in events where ContainerSet.has(event.labels, labels) {
                    guard let json = event.engineJSON else { continue }
                    try await writer.write(ByteBuffer(bytes: json.bytes + [UInt8(ascii: "\n")]))
                }
                try await writer.finish(nil)
            }
        )
    }

    /// Nothing is ever written; who follows hears the end.
    private func logs(_ request: Request, _ name: String) throws -> Response {
        let end = try containers.untilEnd(of: name)
        let isFollowed = request.uri.queryParameters["follow"] == "1"
        return Response(
            status: .ok,
            body: ResponseBody { writer in
                if isFollowed { for await _ in end {} }
                try await writer.finish(nil)
            }
        )
    }

    private func refusal(of request: Request) -> ContainerSet.Refusal {
        ContainerSet.Refusal(status: 501, message: "a test-only engine has no \(request.method) \(request.uri.path)")
    }

    /// Of `filters={"label":["a=b"]}`.
    private static func labels(_ request: Request) -> [String: String] {
        do {
            let text = request.uri.queryParameters["filters"].map { String($0) } ?? "{}"
            let filters = try JSON(parsing: text)
            let labels = filters["label"] == nil ? [] : try filters.strings("label")
            return Dictionary(
                labels.map { label in
                    let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
                    return (parts[0], parts.count == 2 ? parts[1] : "")
                },
                uniquingKeysWith: { $1 }
            )
        } catch {
            preconditionFailure("Apus sends filters that cannot be read: \(error)")
        }
    }

    private static func json(_ json: JSON, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.bytes))
        )
    }
}
