import ArgumentParser
import Logging

/// How much a process of a cluster logs.
struct LoggingOptions: ParsableArguments {
    /// Those of which a change holds without a restart.
    static let live: Set<String> = ["log-level"]

    @Option(help: ArgumentHelp("How much to log to standard error.", valueName: "level"))
    var logLevel = LogLevel.info
}

/// How much is logged, as it is written on the command line.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
