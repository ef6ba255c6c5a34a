import ApusModel
import NIOHTTP1

extension DockerEngine {
    /// The id of an image that is on the engine; `nil` if it is not.
    package func imageID(of image: String) async throws -> String? {
        let doing = "looking for image \(image)"
        let answer = try await call(
            .GET,
            "/images/\(EngineConnection.encoded(image, keeping: "/:@"))/json",
            accepting: [200, 404],
            doing: doing
        )
        guard answer.status == 200 else { return nil }
        return try answer.decoded(doing: doing) { json throws(JSONError) in try json.string("Id") }
    }

    /// Fetches an image from its registry, always one tag or digest (`latest` if it names none).
    ///
    /// Throws `imageMissing` if the registry does not have it, and `timedOut` after `deadline` or after a minute (see
    /// `init`) without progress.
    package func pull(_ image: String, deadline: Duration) async throws {
        let doing = "pulling image \(image)"
        let reference = ImageReference(image)
        let path = try await versioned("/images/create")
        let answer = try await connection.pull(
            path,
            query: ["fromImage": reference.name, "tag": reference.tagOrDigest],
            within: deadline,
            doing: doing
        ) { line in
            // The status is sent before the work: a failure comes as one of the lines.
            guard let message = try Self.failure(in: line, doing: doing) else { return }
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

    private static func failure(in line: [UInt8], doing: String) throws(ContainerError) -> String? {
        guard line.contains(where: { $0 > UInt8(ascii: " ") }) else { return nil }
        do {
            let json = try JSON(parsing: line)
            return json["errorDetail"]?["message"]?.text ?? json["error"]?.text
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
struct ImageReference: Hashable {
    var name: String
    var tagOrDigest: String

    /// Without a tag the engine would fetch every tag there is, so `latest` is meant then.
    init(_ text: String) {
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
