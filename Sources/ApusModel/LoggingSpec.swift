/// Where a container's output goes.
package enum LoggingSpec: SpecPart {
    /// `maxSize` as Docker takes it (`10m`); `maxFiles` 1 to 100.
    case local(maxSize: String, maxFiles: Int, compress: Bool)
    case rsyslog(server: String, tagPrefix: String?, tagSuffix: String?)

    /// What holds when a specification says nothing.
    package static let standard = LoggingSpec.local(maxSize: "10m", maxFiles: 3, compress: true)

    package init(_ reader: SpecReader) {
        switch reader.kind(["LOCAL", "RSYSLOG"]) {
        case "RSYSLOG":
            self = .rsyslog(
                server: reader.string("server", required: "- Rsyslog server url should be passed here"),
                tagPrefix: reader.string("tagPrefix"),
                tagSuffix: reader.string("tagSuffix")
            )
        default:
            self = .local(
                maxSize: reader.string(
                    "maxSize",
                    required: "- Specify max size of logs. Use 10m, 1g etc. Files bigger than this will be rotated"
                ),
                maxFiles: Int(
                    reader.integer(
                        "maxFiles",
                        in: 1...100,
                        low: "- At least one log will be present, so min value is 1",
                        high: "- Maximum 100 log files can be retained"
                    )
                ),
                compress: reader.bool("compress")
            )
        }
    }

    package var json: JSON {
        switch self {
        case .local(let maxSize, let maxFiles, let compress):
            .members([
                "type": "LOCAL", "maxSize": .string(maxSize), "maxFiles": .integer(Int64(maxFiles)),
                "compress": .bool(compress),
            ])
        case .rsyslog(let server, let tagPrefix, let tagSuffix):
            .members([
                "type": "RSYSLOG", "server": .string(server), "tagPrefix": tagPrefix.map { .string($0) },
                "tagSuffix": tagSuffix.map { .string($0) },
            ])
        }
    }
}
