import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Testing

/// Log files through the controller: from the executor that has them, and without the envelope.
@Suite(.timeLimit(.minutes(2)))
struct LogProxyTests {
    /// A controller with one healthy instance on the executor that `answer` speaks for.
    private func withInstance(
        _ answer: @escaping @Sendable (String) -> String?,
        _ body: @escaping @Sendable (Controller, _ path: String) async throws -> Void
    ) async throws {
        try await withInstance(of: try NodeServer(answer), nil, body)
    }

    private func withInstance(
        of server: NodeServer,
        _ logging: LoggingSpec? = nil,
        _ body: @escaping @Sendable (Controller, _ path: String) async throws -> Void
    ) async throws {
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            var spec = exampleSpec()
            spec.logging = logging
            _ = await controller.inbox.submit(.application(create(spec, instances: 1)))
            try await eventually("it is healthy") { await controller.healthy(AppID("TEST_APP-1")) == 1 }
            let instances = await controller.get("applications/TEST_APP-1/instances").json?["data"]
            guard case .array(let list)? = instances, let id = list.first?["instanceId"]?.text else {
                Issue.record("there is no instance")
                return
            }
            try await body(controller, "logfiles/applications/TEST_APP-1/\(id)")
        }
    }

    @Test func `lists and pieces are handed on as the executor gave them`() async throws {
        try await withInstance { request in
            if request.contains("/list ") { return #"{"files":["output.log"]}"# }
            let isRead = request.contains("/read/output.log?offset=7&length=9 ")
            return isRead ? #"{"data":"a line\n","offset":7}"# : nil
        } _: { controller, path in
            let list = await controller.get("\(path)/list")
            #expect(list.status == 200)
            #expect(list.json?.serialized == #"{"files":["output.log"]}"#)
            let piece = await controller.get("\(path)/read/output.log?offset=7&length=9&x=y")
            #expect(piece.json?.serialized == #"{"data":"a line\n","offset":7}"#)
        }
    }

    @Test func `a download comes piece by piece, with the executor's name for it`() async throws {
        let text = String(repeating: "0123456789", count: 300_000)
        try await withInstance {
            $0.contains("/download/output.log?rename=true ") ? text : nil
        } _: { controller, path in
            let answer = await controller.get("\(path)/download/output.log?rename=true")
            #expect(answer.status == 200)
            let file = try #require(answer.file)
            #expect((file.length, file.disposition) == (3_000_000, "attachment; filename=a"))
            var (bytes, longest) = (0, 0)
            for try await piece in file.pieces {
                bytes += piece.count
                longest = max(longest, piece.count)
            }
            #expect(bytes == 3_000_000)
            #expect(longest < 1 << 20, "it is never held as a whole")
        }
    }

    @Test func `a download is no page of the controller, whatever its executor calls it`() async throws {
        for (fields, type, disposition) in [
            ("Content-Type: text/html", "text/plain", "attachment"),
            ("Content-Type: text/html\r\nContent-Disposition: inline; filename=a", "text/plain", "attachment"),
            (
                "Content-Type: application/gzip\r\nContent-Disposition: attachment; filename=a.gz", "application/gzip",
                "attachment; filename=a.gz"
            ),
        ] {
            try await withInstance(of: try NodeServer(fields: fields) { _ in "<script>" }) { controller, path in
                let file = try #require(await controller.get("\(path)/download/output.log").file)
                #expect((file.contentType, file.disposition) == (type, disposition))
            }
        }
    }

    @Test func `an executor's refusal is told with its code and its words`() async throws {
        try await withInstance { _ in
            nil
        } _: { controller, path in
            for verb in ["list", "read/output.log", "download/output.log"] {
                let answer = await controller.get("\(path)/\(verb)")
                #expect(answer.status == 400)
                #expect(
                    answer.json?.serialized == #"{"error":"Executor call returned: 400 body: {\"error\":\"no\"}"}"#
                )
            }
        }
    }

    @Test func `an instance or an executor that is gone has no content, and no other kind exists`() async throws {
        try await withInstance { _ in
            nil
        } _: { controller, path in
            #expect(await controller.get("logfiles/applications/TEST_APP-1/AI-none/list").status == 204)
            #expect(await controller.get("logfiles/applications/OTHER-1/AI-none/read/output.log").status == 204)
            #expect(await controller.get("logfiles/tasks/TEST_APP/T1/list").status == 204)
            #expect(await controller.get("logfiles/nothing/TEST_APP/T1/list").status == 404)
            let service = await controller.get("logfiles/localservices/A-1/SI-1/list")
            #expect(service.status == 204)
            // Of another application: the path would name somebody else's folder.
            let other = path.replacing("TEST_APP-1", with: "OTHER-1")
            #expect(await controller.get("\(other)/list").status == 204)
        }
    }

    @Test func `every answer names the executor, and since when it is away`() async throws {
        let server = try NodeServer { $0.contains("/list ") ? #"{"files":["output.log"]}"# : nil }
        try await withInstance(of: server) { controller, path in
            let name = try #require(await controller.get("\(path)/list").executor)
            #expect(name.hasPrefix("127.0.0.1:\(server.port) ("))
            #expect(await controller.get("\(path)/read/output.log").executor == name)
            #expect(await controller.get("\(path)/download/output.log").executor == name)
            // A silent one is asked all the same: it may answer.
            try await eventually("it is silent", within: .seconds(30)) {
                await controller.get("\(path)/list").executor?.hasPrefix("\(name), silent since 20") ?? false
            }
            #expect(await controller.get("\(path)/list").status == 200)
            server.stop()
            try await eventually("it does not answer") { await controller.get("\(path)/list").status != 200 }
            for verb in ["list", "read/output.log", "download/output.log"] {
                let answer = await controller.get("\(path)/\(verb)")
                if answer.status == 500 {
                    let text = answer.json?["error"]?.text ?? ""
                    #expect(text.hasPrefix("Executor call failed: \(name), silent since 20"), "\(text)")
                    #expect(text.contains(", last heard 20"))
                } else {
                    #expect(answer.executor?.hasPrefix("\(name), away since 20") == true)
                }
            }
            try await eventually("it is given up", within: .seconds(30)) {
                await controller.get("\(path)/list").status == 204
            }
            #expect(await controller.get("\(path)/list").executor?.hasPrefix("\(name), away since 20") == true)
            #expect(await controller.get("logfiles/tasks/NO/NO/list").executor == nil)
        }
    }

    @Test func `over HTTP the executor's name is a header, and the client's words`() async throws {
        let server = try NodeServer { _ in nil }
        try await withInstance(of: server) { controller, path in
            server.stop()
            try await eventually("it is given up", within: .seconds(40)) {
                await controller.get("\(path)/list").status == 204
            }
            try await withServer(controller) { client in
                let parts = path.split(separator: "/").map(String.init)
                let files = LogClient(client, kind: parts[1], owner: parts[2], name: parts[3])
                do {
                    _ = try await files.files()
                    Issue.record("there are none")
                } catch let error as ClientError {
                    #expect(error.code == .notFound)
                    #expect(error.message.hasPrefix("The output is on the executor 127.0.0.1:\(server.port) ("))
                    #expect(error.message.contains("), away since 20"))
                }
            }
        }
    }

    @Test func `output that goes to a syslog server has no files, and whoever asks is told where it goes`() async throws
    {
        let server = try NodeServer { $0.contains("/list ") ? #"{"files":[]}"# : nil }
        let logging = LoggingSpec.rsyslog(server: "udp://logs:514", tagPrefix: nil, tagSuffix: nil)
        try await withInstance(of: server, logging) { controller, path in
            let answer = await controller.get("\(path)/list")
            #expect(answer.status == 200)
            #expect(answer.json?["files"] == .array([]))
            #expect(answer.json?["elsewhere"]?.text?.contains("the syslog server udp://logs:514") == true)
            try await withServer(controller) { client in
                let parts = path.split(separator: "/").map(String.init)
                let files = LogClient(client, kind: parts[1], owner: parts[2], name: parts[3])
                await #expect(throws: ClientError.self) { try await files.files() }
            }
        }
    }

    @Test func `an executor that does not answer is told as such`() async throws {
        let server = try NodeServer { _ in nil }
        let port = server.port
        server.stop()
        try await withInstance({ _ in nil }) { controller, path in
            var report = fullReport(revision: 9)
            report.identity.hostname = "127.0.0.1"
            report.identity.port = port
            report.identity.incarnation = 2
            _ = await controller.inbox.submit(report)
            try await eventually("it has another address") {
                let answer = await controller.get("\(path)/list")
                return answer.json?["error"]?.text?.contains("cannot be reached") == true
            }
        }
    }
}
