import ApusExecutor
import ApusModel
import ApusTestKit
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Log files over an executor's own HTTP side, without a container engine: what has ended is read like what runs.
@Suite(.timeLimit(.minutes(2)))
struct LogRoutesTests {
    private static let owner = "WEB-1/AI-1"
    private let bench: PortBench
    private var folder: String { "\(bench.scratch.path)/node/logs/applications/\(Self.owner)" }

    init() throws {
        bench = try PortBench()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("\(LogBench.line("hällo", at: 1))\n".utf8).write(to: URL(filePath: "\(folder)/output.log"))
    }

    private func running(_ body: () async throws -> Void) async throws { try await bench.running(body) }

    private func get(_ path: String) async throws -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: String) {
        try await bench.ask(path)
    }

    @Test(arguments: ["filestream", "applications"])
    func `files are listed, read and downloaded`(kind: String) async throws {
        try await running {
            let base = "logs/\(kind)/\(Self.owner)"
            #expect(try await get("\(base)/list").body == #"{"files":["output.log"]}"#)
            let end = try JSON(parsing: try await get("\(base)/read/output.log?offset=-1&length=-1").body)
            #expect((end["data"], end["offset"]) == ("", 42))
            let piece = try JSON(parsing: try await get("\(base)/read/output.log?offset=35").body)
            #expect((piece["data"], piece["offset"]) == ("hällo\n", 35))
            let download = try await get("\(base)/download/output.log")
            #expect(download.body == "\(LogBench.line("hällo", at: 1))\n")
            #expect(download.headers["Content-Type"] == ["text/plain"])
            #expect(download.headers["Content-Disposition"] == ["attachment; filename=output.log"])
            let renamed = try await get("\(base)/download/output.log?rename=true").headers["Content-Disposition"]
            let name = try #require(renamed.first)
            #expect(name.hasPrefix("attachment; filename=WEB-1_AI-1_output.log-20"))
        }
    }

    @Test func `a read waits for new lines if it is told to`() async throws {
        try await running {
            let path = "logs/applications/\(Self.owner)/read/output.log?offset=42"
            async let waited = get("\(path)&wait=3")
            #expect(try await get(path).body.contains(#""data":"""#), "without it the answer comes at once")
            let handle = try FileHandle(forWritingTo: URL(filePath: "\(folder)/output.log"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("\(LogBench.line("more", at: 2))\n".utf8))
            try handle.close()
            #expect(try await waited.body.contains("out more"))
        }
    }

    @Test func `what cannot be read is refused with a reason`() async throws {
        try await running {
            for path in [
                "WEB-1/AI-1/read/output.log.7", "WEB-1/AI-1/read/secret", "WEB-1/AI-1/read/output.log?offset=x",
                "WEB-1/AI-1/read/output.log?offset=-1&length=5", "WEB-1/AI-1/download/..%2Fx", "../../list",
            ] {
                let answer = try await get("logs/filestream/\(path)")
                // A path that the client or the server shortens leads nowhere.
                if path.contains("..") && answer.status == .notFound { continue }
                #expect(answer.status == .badRequest, "\(path)")
                #expect(try JSON(parsing: answer.body)["error"]?.text?.isEmpty == false, "\(path)")
            }
            #expect(try await get("logs/filestream/WEB-1/AI-2/list").body == #"{"files":[]}"#)
        }
    }

    @Test func `so many downloads are under way at a time, and the next when one has ended`() async throws {
        let path = "\(folder)/output.log.1"
        // More than all buffers on the way take; on the disk it is nothing.
        try Data().write(to: URL(filePath: path))
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.truncate(atOffset: 1 << 30)
        try file.close()
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        let client = HTTPClient(configuration: configuration)
        let url = "http://127.0.0.1:\(bench.port)/apis/v1/logs/applications/\(Self.owner)/download/output.log.1"
        func download() async throws -> HTTPClientResponse {
            try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(20))
        }
        try await running {
            var held: [HTTPClientResponse] = []
            // Nobody takes what comes.
            for _ in 0..<16 { held.append(try await download()) }
            #expect(held.allSatisfy { $0.status == .ok })
            let refusal = try await download()
            #expect(refusal.status == .badRequest)
            let text = String(buffer: try await refusal.body.collect(upTo: 1 << 10))
            #expect(text.contains("16 downloads are under way here"), "\(text)")
            held = []
            try await eventually("there is room again") { try await download().status == .ok }
        }
        try await client.shutdown()
    }
}
