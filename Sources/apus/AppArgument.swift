import ApusModel
import ArgumentParser

/// An application that a user names.
struct AppArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("NAME-VERSION", valueName: "id"))
    var name: String

    func validate() throws {
        guard !name.isEmpty else { throw ValidationError("an application is named NAME-VERSION, not by an empty text") }
    }

    var id: AppID { AppID(name) }
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
