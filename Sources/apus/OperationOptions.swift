import ApusModel
import ArgumentParser

/// How an operation is carried out, and whether the command waits for its end.
struct OperationOptions: ParsableArguments {
    /// So many at a time where nothing else is said.
    private static let widest = 32

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
            How many instances may be on their way at a time, 1 to 512. Default: all, at most 32; one at a restart.
            """,
            valueName: "n"
        )
    )
    var parallelism: Int?

    @Flag(help: "If it fails, restore the number of instances that there was before it.")
    var rollback = false

    @Flag(inversion: .prefixedNo, help: "Show progress until the operation has ended.")
    var wait = true

    func validate() throws {
        try timeout.validateDuration()
        guard (1...512).contains(parallelism ?? 1) else { throw ValidationError("--parallelism must be 1 to 512") }
    }

    /// The API's `opSpec`; `instances` is how many it is about, if that is known here.
    func json(instances: Int = Self.widest) -> JSON {
        let parallelism = parallelism ?? min(max(instances, 1), Self.widest)
        return .members([
            "timeout": .string(timeout), "parallelism": .integer(Int64(parallelism)),
            "failureStrategy": rollback ? "ROLLBACK" : "STOP",
        ])
    }
}

extension String {
    /// - Throws: `ValidationError` if it is no time such as 5m.
    func validateDuration() throws {
        do {
            _ = try DurationText(parsing: self)
        } catch {
            throw ValidationError(error.message)
        }
    }
}
