import ApusModel
import ArgumentParser

/// What an executor is called beside its hostname, for placement policies.
struct TagOptions: ParsableArguments {
    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp(
            "A tag of this executor, which a placement policy may ask for. May be repeated. Its hostname always is one.",
            valueName: "tag"
        )
    )
    var tags: [String] = []

    func validate() throws {
        // The hostname is one more.
        guard tags.count < NodeReport.mostTags else {
            throw ValidationError("--tag may be given at most \(NodeReport.mostTags - 1) times")
        }
        for tag in tags {
            guard (1...NodeReport.longestTag).contains(tag.utf8.count), tag.unicodeScalars.allSatisfy({ $0.value > 32 })
            else {
                throw ValidationError(
                    "--tag must be 1 to \(NodeReport.longestTag) bytes without spaces, not \"\(tag)\""
                )
            }
        }
    }
}
