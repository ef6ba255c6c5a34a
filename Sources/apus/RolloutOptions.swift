import ApusModel
import ArgumentParser

/// How one version takes the place of another, and whether the command waits for it.
struct RolloutOptions: ParsableArguments {
    /// So many new ones at a time where nothing runs yet.
    private static let widest = 32
    /// So many at a time where one version takes the place of another.
    static let careful = 1

    @Option(
        help: ArgumentHelp(
            "Give up after so long for each round of --parallelism instances, as 90s, 5m or 1h.",
            valueName: "time"
        )
    )
    var timeout = "5m"

    @Option(
        help: ArgumentHelp(
            """
            How many instances may be on their way at a time, 1 to 512. Default: one when a version takes the place of \
            another, otherwise all, at most 32.
            """,
            valueName: "n"
        )
    )
    var parallelism: Int?

    @Flag(inversion: .prefixedNo, help: "If it fails, go back to what there was before it.")
    var rollback = true

    @Flag(inversion: .prefixedNo, help: "Show progress until it is done.")
    var wait = true

    func validate() throws {
        try timeout.validateDuration()
        try parallelism.validateParallelism()
    }

    /// The API's `opSpec` of a rollout.
    var rolloutJSON: JSON { json(parallelism: parallelism ?? Self.careful, rollback: rollback) }

    /// The API's `opSpec` where no other version is there; `count` is how many it is about, if that is known here.
    ///
    /// A beginning has nothing to go back to.
    func json(count: Int?, isBeginning: Bool) -> JSON {
        let usual = min(max(count ?? Self.widest, 1), Self.widest)
        return json(parallelism: parallelism ?? usual, rollback: rollback && !isBeginning)
    }

    private func json(parallelism: Int, rollback: Bool) -> JSON {
        .members([
            "timeout": .string(timeout), "parallelism": .integer(Int64(parallelism)),
            "failureStrategy": rollback ? "ROLLBACK" : "STOP",
        ])
    }
}

extension Int? {
    /// - Throws: `ValidationError` if it is out of bounds.
    func validateParallelism() throws {
        guard (1...512).contains(self ?? 1) else { throw ValidationError("--parallelism must be 1 to 512") }
    }
}
