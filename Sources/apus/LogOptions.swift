import ApusExecutor
import ArgumentParser

/// Where containers' output is kept.
struct LogOptions: ParsableArguments {
    @Option(
        name: .customLong("log-root"),
        help: ArgumentHelp(
            "Where to keep the log files of containers, on a disk of its own perhaps. Default: in the state directory.",
            valueName: "dir"
        )
    )
    var root: String?

    var settings: ExecutorSettings.Logs { ExecutorSettings.Logs(root: root) }

    func validate() throws {
        guard let root, !root.hasPrefix("/") else { return }
        throw ValidationError("--log-root must be a whole path that begins with /, not \(root)")
    }
}
