/// A file that is put into the container before it starts.
package struct ConfigSpec: SpecPart {
    /// Where its content comes from.
    package enum Source: Hashable, Sendable {
        case inline(data: [UInt8])
        case executorLocalFile(path: String)
        case controllerHTTPFetch(HTTPCallSpec)
        case executorHTTPFetch(HTTPCallSpec)
    }
    /// The absolute path in the container.
    package var localFilename: String
    package var source: Source

    package init(localFilename: String, source: Source) {
        self.localFilename = localFilename
        self.source = source
    }

    package init(_ reader: SpecReader) {
        let localFilename = reader.string("localFilename", required: "must not be empty")
        let source: Source =
            switch reader.kind(["INLINE", "EXECUTOR_LOCAL_FILE", "CONTROLLER_HTTP_FETCH", "EXECUTOR_HTTP_FETCH"]) {
            case "EXECUTOR_LOCAL_FILE":
                .executorLocalFile(path: reader.string("filePathOnHost", required: "must not be empty"))
            case "CONTROLLER_HTTP_FETCH": .controllerHTTPFetch(reader.part("http"))
            case "EXECUTOR_HTTP_FETCH": .executorHTTPFetch(reader.part("http"))
            default: .inline(data: reader.bytes("data"))
            }
        self.init(localFilename: localFilename, source: source)
    }

    package var json: JSON {
        let filename = JSON.string(localFilename)
        return switch source {
        case .inline(let data):
            .members(["type": "INLINE", "localFilename": filename, "data": .string(Base64.encoded(data))])
        case .executorLocalFile(let path):
            .members(["type": "EXECUTOR_LOCAL_FILE", "localFilename": filename, "filePathOnHost": .string(path)])
        case .controllerHTTPFetch(let call):
            .members(["type": "CONTROLLER_HTTP_FETCH", "localFilename": filename, "http": call.json])
        case .executorHTTPFetch(let call):
            .members(["type": "EXECUTOR_HTTP_FETCH", "localFilename": filename, "http": call.json])
        }
    }

    /// Without what must not be shown.
    var masked: ConfigSpec {
        let source: Source =
            switch source {
            case .inline: .inline(data: [])
            case .executorLocalFile(let path): .executorLocalFile(path: path)
            case .controllerHTTPFetch(let call): .controllerHTTPFetch(call.masked)
            case .executorHTTPFetch(let call): .executorHTTPFetch(call.masked)
            }
        return ConfigSpec(localFilename: localFilename, source: source)
    }
}
