import ApusClient
import ApusModel
import ArgumentParser

/// An application that a user names.
struct AppArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"), completion: LiveNames.applications)
    var name: String

    func validate() throws {
        guard !name.isEmpty else { throw ValidationError("an application is named NAME-VERSION, not by an empty text") }
    }

    var id: AppID { AppID(name) }

    /// The id, which must be known.
    ///
    /// - Throws: `CommandFailure` that says what may have been meant.
    func known(_ api: APIOptions) async throws -> AppID {
        let known = try await callingAPI { try await KnownApps(api.client) }
        guard known.all.contains(where: { $0.id == id }) else { throw known.notFound(name) }
        return id
    }
}

/// An application of which one version runs, or one of its versions.
struct RunningAppArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("NAME-VERSION, or NAME if one version runs.", valueName: "id"),
        completion: LiveNames.namedApplications
    )
    var name: String

    func validate() throws {
        guard !name.isEmpty else { throw ValidationError("an application is named NAME-VERSION, not by an empty text") }
    }

    /// - Throws: `CommandFailure` if there is none, or more than one.
    func id(_ api: APIOptions) async throws -> AppID {
        try await callingAPI { try await KnownApps(api.client).one(name) }
    }
}

extension [String] {
    /// Instances given as words, or with commas between them.
    ///
    /// - Throws: `ValidationError` if words are given and none names an instance.
    func instanceIDs() throws -> [InstanceID] {
        let ids = flatMap { $0.split(separator: ",") }.map { InstanceID(String($0)) }
        guard isEmpty || !ids.isEmpty else { throw ValidationError("--ids names no instance") }
        return ids
    }
}
