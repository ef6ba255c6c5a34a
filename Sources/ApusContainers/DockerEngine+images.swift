import ApusModel
import NIOHTTP1
import Synchronization

extension DockerEngine {
    /// The id of an image that is on the engine; `nil` if it is not.
    package func imageID(of image: String) async throws -> String? {
        try await inspect(image) { json throws(JSONError) in try json.string("Id") }
    }

    /// The names with tags that an image has, by its id; `nil` if it is not there.
    package func imageNames(of id: String) async throws -> [String]? {
        try await inspect(id) { json throws(JSONError) in
            guard case .array(let names)? = json["RepoTags"] else { return [] }
            return names.compactMap(\.text)
        }
    }

    private func inspect<Value>(
        _ image: String,
        _ read: (JSON) throws(JSONError) -> Value
    ) async throws -> Value? {
        let doing = "looking for image \(image)"
        let answer = try await call(
            .GET,
            "/images/\(EngineConnection.encoded(image, keeping: "/:@"))/json",
            accepting: [200, 404],
            doing: doing
        )
        guard answer.status == 200 else { return nil }
        return try answer.decoded(doing: doing, read)
    }

    /// Fetches an image from its registry, always one tag or digest (`latest` if it names none).
    ///
    /// `credentials` are shown to the registry; `progress` is told in words how far it has come, as often as the engine
    /// says so. Throws `imageMissing` if the registry does not have it, and `timedOut` after `deadline` or after a
    /// minute (see `init`) without progress.
    package func pull(
        _ image: String,
        credentials: RegistryCredentials? = nil,
        deadline: Duration,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        let doing = "pulling image \(image)"
        let reference = ImageReference(image)
        let path = try await versioned("/images/create")
        let course = Mutex(PullProgress())
        let answer = try await connection.pull(
            path,
            query: ["fromImage": reference.name, "tag": reference.tagOrDigest],
            headers: credentials.map { ["X-Registry-Auth": $0.header] } ?? [:],
            within: deadline,
            doing: doing
        ) { line in
            guard let json = try Self.line(line, doing: doing) else { return }
            // The status is sent before the work: a failure comes as one of the lines.
            guard let message = json["errorDetail"]?["message"]?.text ?? json["error"]?.text else {
                let text = course.withLock { course in
                    course.take(json)
                    return course.text
                }
                return progress(text)
            }
            throw ContainerError(
                Self.isMissing(message) ? .imageMissing : .engine(status: 200),
                doing: doing,
                message: message
            )
        }
        guard answer.status >= 400 else { return }
        forgetVersion(after: answer)
        var error = ContainerError(answer: answer, doing: doing)
        if answer.status == 404 || Self.isMissing(error.message) { error.code = .imageMissing }
        throw error
    }

    /// Removes an image by its name or id, and what it is made of if nothing else is.
    ///
    /// - Returns: `false` if a container uses it, running or not: then it stays.
    package func removeImage(_ image: String) async throws -> Bool {
        let answer = try await call(
            .DELETE,
            "/images/\(EngineConnection.encoded(image, keeping: "/:@"))",
            accepting: [200, 404, 409],
            doing: "removing image \(image)"
        )
        return answer.status != 409
    }

    private static func line(_ line: [UInt8], doing: String) throws(ContainerError) -> JSON? {
        guard line.contains(where: { $0 > UInt8(ascii: " ") }) else { return nil }
        do {
            return try JSON(parsing: line)
        } catch {
            throw ContainerError(.unreadable, doing: doing, message: "a line of progress cannot be read: \(error)")
        }
    }

    /// Registries and engines say it in several ways.
    private static func isMissing(_ message: String) -> Bool {
        ["manifest unknown", "not found", "does not exist", "name unknown"].contains { message.contains($0) }
    }
}

/// The name of an image and the one tag or digest meant by it.
package struct ImageReference: Hashable, Sendable {
    /// The registry of images that name none.
    package static let hub = "docker.io"

    package var name: String
    package var tagOrDigest: String
    /// It names its content, so that it never means another.
    package var isDigest: Bool { tagOrDigest.contains(":") }

    /// The registry that it comes from: what stands before the first slash, if that is a host.
    package var registry: String {
        guard let slash = name.firstIndex(of: "/") else { return Self.hub }
        let first = name[..<slash]
        let isHost = first == "localhost" || first.contains { $0 == "." || $0 == ":" }
        guard isHost else { return Self.hub }
        return ["index.docker.io", "registry-1.docker.io"].contains(first) ? Self.hub : String(first)
    }

    /// Without a tag the engine would fetch every tag there is, so `latest` is meant then.
    package init(_ text: String) {
        let digest = text.split(separator: "@", maxSplits: 1)
        var name = digest.first.map(String.init) ?? text
        var tag: String?
        // A colon before the last slash belongs to the registry's port.
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") {
            tag = String(name[name.index(after: colon)...])
            name = String(name[..<colon])
        }
        self.name = name
        tagOrDigest = digest.count == 2 ? String(digest[1]) : tag ?? "latest"
    }
}
