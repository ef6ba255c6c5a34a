import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// `apus logs` of several instances.
@Suite(.timeLimit(.minutes(2))) struct LogMergeTests {
    private static let binary = ProcessInfo.processInfo.environment["APUS_TEST_BINARY"] ?? ""

    /// What each instance has written, in the one file that it has; `endless` ones write a line for each read.
    private final class Files: Sendable {
        private struct State {
            var texts: [String: String] = [:]
            var endless: String?
        }
        private let state = Mutex(State())

        func write(_ instance: String, _ lines: [String]) {
            state.withLock { $0.texts[instance] = lines.map { "\($0)\n" }.joined() }
        }

        /// Whatever other instance there is.
        func writeEndlessly(_ line: String) { state.withLock { $0.endless = "\(line)\n" } }

        func answer(_ request: String) -> String? {
            let path = request.split(separator: " ").dropFirst().first ?? ""
            let parts = path.split(separator: "?", maxSplits: 1)
            let folders = parts[0].split(separator: "/").map(String.init)
            guard folders.count > 6 else { return nil }
            if folders[6] == "list" { return #"{"files":["output.log"]}"# }
            func number(_ name: String) -> Int {
                let words = parts.count > 1 ? parts[1].split(separator: "&") : []
                return words.first { $0.hasPrefix("\(name)=") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
            }
            let (offset, length) = (number("offset"), number("length"))
            return state.withLock { state in
                let text = state.texts[folders[5]]
                let isEndless = text == nil && offset > 0
                let data = Array((text ?? state.endless ?? "").utf8)
                let part = isEndless ? data[...] : data.dropFirst(offset).prefix(length)
                return JSON.members([
                    "data": .string(String(decoding: part, as: UTF8.self)), "offset": .integer(Int64(offset)),
                    "next": .integer(Int64(offset + part.count)), "file": .string("mark"),
                    "length": .integer(Int64(max(data.count, offset))),
                ]).serialized
            }
        }
    }

    private func withInstances(
        _ count: Int,
        _ body: @escaping @Sendable (Controller, Files, _ ids: [String], _ endpoint: String) async throws -> Void
    ) async throws {
        let files = Files()
        let server = try NodeServer { files.answer($0) }
        defer { server.stop() }
        var report = fullReport()
        report.identity.hostname = "127.0.0.1"
        report.identity.port = server.port
        let full = report
        try await withController(store: MemoryStore()) { controller in
            _ = await controller.inbox.submit(full)
            _ = await controller.post("applications/operations", create(instances: count).json.serialized)
            try await eventually("they are healthy") {
                await controller.healthy(AppID("TEST_APP-1")) == .integer(Int64(count))
            }
            let list = await controller.get("applications/TEST_APP-1/instances").json?["data"]
            let ids = (0..<count).compactMap { list?[$0]?["instanceId"]?.text }
            try await withServer(controller) { client in try await body(controller, files, ids, client.endpoint) }
        }
    }

    private static func line(_ second: Int, _ text: String) -> String {
        "2026-01-01T00:00:0\(second).000000000Z out \(text)"
    }

    @Test func `lines of several instances come by their times, each behind its instance`() async throws {
        try await withInstances(2) { _, files, ids, endpoint in
            let (a, b) = (
                [Self.line(1, "a one"), Self.line(3, "a three"), "  at"], [Self.line(2, "b two"), Self.line(4, "b")]
            )
            files.write(ids[0], a)
            files.write(ids[1], b)
            let all = [
                "\(ids[0])  \(a[0])", "\(ids[1])  \(b[0])", "\(ids[0])  \(a[1])", "\(ids[0])  \(a[2])",
                "\(ids[1])  \(b[1])",
            ]
            func shown(_ arguments: String...) async throws -> [String] {
                let run = try await Program(Self.binary, ["logs", "TEST_APP-1"] + arguments, endpoint: endpoint).end()
                #expect(run.code == 0, "\(run.errors)")
                return run.output.split(separator: "\n").map(String.init)
            }
            #expect(try await shown() == all)
            #expect(try await shown("--tail", "2") == Array(all.suffix(2)))
            #expect(try await shown("-n", "0").isEmpty)
            #expect(try await shown("--since", "2026-01-01T00:00:03Z") == Array(all.suffix(3)))
            #expect(
                try await shown("--since", "1m").isEmpty == false,
                "a line without a time has none to be too old by"
            )
            #expect(try await shown("--grep", "^[ab] t") == [all[1], all[2]])
            #expect(try await shown("--since", "2026-01-01T00:00:02Z", "--grep", "o", "--tail", "4") == [all[1]])
            let one = try await Program(Self.binary, ["logs", "TEST_APP-1/\(ids[0])"], endpoint: endpoint).end()
            #expect(one.output == a.map { "\($0)\n" }.joined())
        }
    }

    @Test func `an instance that starts while its application is followed joins`() async throws {
        try await withInstances(1) { controller, files, ids, endpoint in
            let (first, second) = (Self.line(1, "first"), Self.line(2, "second"))
            files.write(ids[0], [first])
            files.writeEndlessly(second)
            let text = "'\(Self.binary)' logs -f TEST_APP-1 | head -n 2"
            let followed = try Program("/bin/sh", ["-c", text], endpoint: endpoint)
            let scale =
                #"{"type":"SCALE","appId":"TEST_APP-1","requiredInstances":2,"#
                + #""opSpec":{"timeout":"5m","parallelism":1,"failureStrategy":"STOP"}}"#
            try await eventually("it is scaled") {
                await controller.post("applications/operations", scale).status == 200
            }
            let run = try await followed.end()
            let lines = run.output.split(separator: "\n")
            #expect(lines.count == 2, "\(run.errors)")
            #expect(lines.first?.hasSuffix(first) == true)
            #expect(lines.last?.hasSuffix("  \(second)") == true)
            #expect(lines.last?.hasPrefix("AI-") == true)
            #expect(lines.last?.hasPrefix(ids[0]) == false)
        }
    }

    @Test func `what cannot be meant is wrong usage`() async throws {
        let cases: [([String], String)] = [
            (["--grep", "("], "--grep ( is no regular expression: "),
            (["--since", "yesterday"], "--since yesterday is neither an age, as 90s, 5m or 1h, nor a time"),
            (["--tail", "100001"], "--lines must be 0 to 100000"),
        ]
        for (arguments, reason) in cases {
            let run = try await Program(Self.binary, ["logs", "A-1"] + arguments).end()
            #expect(run.code == 64, "\(arguments)")
            #expect(run.errors.contains(reason), "\(arguments): \(run.errors)")
        }
    }
}
