import Logging

/// Writes what a process logs to its standard error, from a level on that may change while it runs.
struct NodeLogHandler: LogHandler {
    private var stream: StreamLogHandler
    private let level: LiveSetting<Logger.Level>
    /// Of a logger that is quieter than the others, say.
    private var own: Logger.Level?

    init(label: String, level: LiveSetting<Logger.Level>) {
        stream = .standardError(label: label)
        self.level = level
    }

    var logLevel: Logger.Level {
        get { own ?? level.current }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { stream.metadata }
        set { stream.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { stream.metadataProvider }
        set { stream.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { stream[metadataKey: key] }
        set { stream[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { stream.log(event: event) }
}
