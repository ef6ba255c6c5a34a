import ApusModel
import HTTPTypes
import Hummingbird
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The log files of this executor (contract §1.7, §2.1).
///
/// Under `filestream`, as Drove has it, the path does not say whether it names an instance or a task; under the name
/// of the kind it does.
extension NodeRoutes {
    private static let pieceOfDownload = 256 << 10

    func addLogs(_ logs: LogReader, to router: Router<NodeContext>) {
        for kind in ["filestream"] + LogPlace.Kind.allCases.map(\.rawValue) {
            let base = "/apis/v1/logs/\(kind)/:owner/:name"
            router.get("\(base)/list") { _, context in
                await Self.answering {
                    let files = try await logs.files(of: try await Self.place(kind, context, logs))
                    return Self.response(.ok, .members(["files": .array(files.map(JSON.string))]))
                }
            }
            router.get("\(base)/read/:file") { request, context in
                await Self.answering {
                    let piece = try await logs.read(
                        try context.logParameter("file"),
                        of: try await Self.place(kind, context, logs),
                        offset: try Self.number("offset", of: request),
                        length: try Self.number("length", of: request),
                        waiting: .seconds(min(max(try Self.number("wait", of: request), 0), 60))
                    )
                    return Self.response(.ok, piece.json)
                }
            }
            router.get("\(base)/download/:file") { request, context in
                await Self.answering {
                    let name = try context.logParameter("file")
                    let place = try await Self.place(kind, context, logs)
                    let file = try await logs.open(name, of: place)
                    let isRenamed = request.uri.queryParameters["rename"] == "true"
                    return Self.download(file, as: isRenamed ? Self.datedName(of: name, place) : name)
                }
            }
        }
    }

    private static func place(
        _ kind: String,
        _ context: NodeContext,
        _ logs: LogReader
    ) async throws -> LogPlace {
        let (owner, name) = (try context.logParameter("owner"), try context.logParameter("name"))
        guard let kind = LogPlace.Kind(rawValue: kind) else { return try await logs.place(owner: owner, name: name) }
        guard let place = LogPlace(kind, owner: owner, name: name) else {
            throw LogRefusal(description: "\(owner)/\(name) names no instance and no task")
        }
        return place
    }

    /// -1 if it is not given.
    private static func number(_ name: String, of request: Request) throws -> Int {
        guard let text = request.uri.queryParameters[name[...]], !text.isEmpty else { return -1 }
        guard let number = Int(text) else {
            throw LogRefusal(description: "\(name) must be a whole number, not \(text)")
        }
        return number
    }

    private static func answering(_ answer: () async throws -> Response) async -> Response {
        do {
            return try await answer()
        } catch let refusal as LogRefusal {
            return response(.badRequest, .members(["error": .string("\(refusal)")]))
        } catch {
            return response(.internalServerError, .members(["error": .string("\(error)")]))
        }
    }

    private static func download(_ file: LogDownload, as name: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: LogFileName.plain(name) == name ? "text/plain" : "application/gzip",
                .contentDisposition: "attachment; filename=\(name)",
            ],
            body: ResponseBody(contentLength: file.length) { writer in
                var offset = 0
                while offset < file.length {
                    let end = min(offset + pieceOfDownload, file.length)
                    let bytes = try await file.bytes(in: offset..<end)
                    // Shorter than it was: the answer cannot be finished.
                    guard !bytes.isEmpty else { throw LogRefusal(description: "the file was cut while it was read") }
                    try await writer.write(ByteBuffer(bytes: bytes))
                    offset += bytes.count
                }
                try await writer.finish(nil)
            }
        )
    }

    /// `<owner>_<name>_<file>-yyyy-MM-dd_HH-mm-ss`.
    private static func datedName(of file: String, _ place: LogPlace) -> String {
        var (now, parts) = (time(nil), tm())
        gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let time = "\(two(parts.tm_hour))-\(two(parts.tm_min))-\(two(parts.tm_sec))"
        return "\(place.owner)_\(place.name)_\(file)-\(date)_\(time)"
    }
}

extension NodeContext {
    /// A part of the path as it stands: no name of ours needs an encoding.
    fileprivate func logParameter(_ name: String) throws -> String {
        guard let text = parameters.get(name) else { throw LogRefusal(description: "the path cannot be read") }
        return text
    }
}

extension LogPiece {
    /// Drove's two members, and what a reader needs who goes over from one file to the next.
    fileprivate var json: JSON {
        .members([
            "data": .string(data), "offset": .integer(Int64(offset)), "next": .integer(Int64(next)),
            "length": .integer(Int64(length)), "file": .string(file),
        ])
    }
}
