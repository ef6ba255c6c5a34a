import ApusClient
import ApusController
import ApusEngine
import ApusModel
import ApusTelemetry
import ApusTestKit
import Foundation
import HashTreeCollections
import Synchronization
import Testing

/// Who may be a member, and what is told of one that is not reached, not heard or not let in.
@Suite(.timeLimit(.minutes(2))) struct MembershipTests {
    /// Whether somebody answers at the node's port.
    private final class Port: Sendable {
        private let state = Mutex(false)
        var isReached: Bool {
            get { state.withLock(\.self) }
            set { state.withLock { $0 = newValue } }
        }

        var ask: Controller.Ask {
            { url in
                guard self.isReached else { throw ClientError(.unreachable(url), "\(url) cannot be reached") }
                return NodePong(cluster: cluster, executor: node, incarnation: 1)
            }
        }
    }

    private func first(_ controller: Controller) async -> JSON? {
        await controller.get("cluster/executors").json?["data"]?[0]
    }

    private func told(_ controller: Controller, _ action: String, _ headers: [String: String] = [:]) async -> [JSON] {
        let answer = await controller.call("GET", "cluster/audit?action=\(action)", headers)
        guard case .array(let records)? = answer.json?["data"]?["records"] else { return [] }
        return records
    }

    // MARK: reached

    @Test func `an executor takes work once its port is reached; until then control is named`() async throws {
        let (time, port, telemetry) = (ManualTime(), Port(), Telemetry())
        try await withController(
            store: MemoryStore(),
            time: time.source,
            ask: port.ask,
            telemetry: telemetry
        ) { controller in
            func heard(_ what: String, _ condition: (JSON?) -> Bool) async throws {
                try await eventually("\(what)") {
                    time.advance(by: .seconds(1))
                    _ = await controller.inbox.submit(fullReport())
                    return condition(await first(controller))
                }
            }
            _ = await controller.inbox.submit(fullReport())
            let joining = await first(controller)
            #expect((joining?["state"], joining?["presence"]) == ("UNREADY", "JOINING"))
            try await heard("control is named") { $0?["failedChannels"] != nil }
            let suspended = await first(controller)
            let reason = "its port is not reached: http://node1:3000 cannot be reached"
            #expect(suspended?["failedChannels"] == [["channel": "CONTROL", "reason": .string(reason)]])
            #expect(suspended?["troubles"] == [.string(reason)])
            #expect(suspended?["state"] == "UNREADY")
            let failing = telemetry.metrics.samples().first {
                $0.series.path == "apus.cluster.executors.failing.CONTROL"
            }
            #expect(failing?.value == .gauge(1))
            try await eventually("it is in the audit log") {
                await told(controller, "EXECUTOR_SUSPENDED").first?["detail"] == ["channels": ["CONTROL"]]
            }
            port.isReached = true
            try await heard("it takes work") { $0?["state"] == "ACTIVE" }
            #expect(await first(controller)?["failedChannels"] == nil)
            #expect(await first(controller)?["presence"] == "PRESENT")
        }
    }

    @Test(arguments: [nil, #"{"cluster":"c2","executorId":"e2","incarnation":1}"#])
    func `of an executor that knows other secrets, or whose port is another cluster's, control is named, and why`(
        _ pong: String?
    ) async throws {
        let (time, port) = (ManualTime(), try NodeServer(refusing: 401) { _ in pong })
        defer { port.stop() }
        var report = fullReport()
        (report.identity.hostname, report.identity.port) = ("127.0.0.1", port.port)
        let beat = report
        try await withController(
            store: MemoryStore(),
            time: time.source,
            ask: { try await NodeClient().ping($0) }
        ) { controller in
            try await eventually("control is named") {
                time.advance(by: .seconds(1))
                _ = await controller.inbox.submit(beat)
                return await first(controller)?["failedChannels"] != nil
            }
            let executor = await first(controller)
            let failed = executor?["failedChannels"]?[0]
            #expect((executor?["state"], failed?["channel"]) == ("UNREADY", "CONTROL"))
            let told = try #require(failed?["reason"]?.text)
            let reason =
                pong == nil
                ? "http://127.0.0.1:\(port.port)/apis/v1/ping does not know this node by its secret: both need one in common "
                    + "(--node-secret-file)"
                : "127.0.0.1:\(port.port) answers as executor e2 of cluster c2"
            #expect(told == "its port is not reached: \(reason)")
        }
    }

    // MARK: absent

    @Test func `an absent executor stays listed, with when it was last heard and the states that it was in`()
        async throws
    {
        let time = ManualTime()
        try await withController(store: MemoryStore(), time: time.source) { controller in
            var other = fullReport()
            other.identity.id = ExecutorID("other")
            other.identity.key = NodeKey("k2")
            other.identity.hostname = "node2"
            let beat = other
            _ = await controller.inbox.submit(fullReport())
            func pass(_ seconds: Int) async {
                for _ in 0..<seconds {
                    time.advance(by: .seconds(1))
                    _ = await controller.inbox.submit(beat)
                }
            }
            await pass(7)
            let silent = await first(controller)
            #expect((silent?["presence"], silent?["state"]) == ("SILENT", "ACTIVE"))
            #expect(silent?["failedChannels"] == [["channel": "DATA", "reason": "its reports are not heard"]])
            #expect(silent?["lastSeen"] == 1_753_000_000_000)
            await pass(6)
            let listed = await controller.get("cluster/executors").json?["data"]?[1]
            #expect((listed?["presence"], listed?["state"]) == ("LOST", "REMOVED"))
            #expect(listed?["lastSeen"] == 1_753_000_000_000)
            let answer = await controller.get("cluster/executors/\(node)")
            #expect(answer.status == 200)
            let details = answer.json?["data"]
            #expect((details?["executorState"], details?["lastSeen"]) == ("REMOVED", 1_753_000_000_000))
            guard case .array(let history)? = details?["history"] else {
                Issue.record("no history: \(String(describing: details))")
                return
            }
            #expect(history.map { $0["state"]?.text } == ["JOINING", "ACTIVE", "SILENT", "LOST"])
            #expect(history.last?["channels"] == ["DATA"])
            #expect(history.last?["at"] == 1_753_000_010_000)
        }
    }

    // MARK: admission

    @Test func `who is not on the list is refused with what to do, and told in the audit log once`() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let path = try folder.file("# our machines\nnode2\nNODE3:3000  # the third\n")
        let list = Listed(try JoinList(file: path))
        let telemetry = Telemetry()
        try await withController(
            store: MemoryStore(),
            joinList: { list.value },
            telemetry: telemetry
        ) { controller in
            func report() async throws -> ReportAnswer {
                let body = fullReport().json.serialized
                let call = APICall("POST", "/apis/v1/internal/nodes/report", body: Array(body.utf8), source: "10.0.0.9")
                let answer = await controller.api.answer(call)
                return try ReportAnswer(json: try #require(answer.json))
            }
            for _ in 0..<3 {
                let answer = try await report()
                #expect(answer.verdict == .refused)
                #expect(answer.reason.hasSuffix("add node1 or node1:3000 to the file of the controllers' --admission"))
            }
            #expect(await controller.get("cluster/executors").json?["data"] == [])
            try await eventually("it is told") { await told(controller, "EXECUTOR_REFUSED").count == 1 }
            let detail = await told(controller, "EXECUTOR_REFUSED").first?["detail"]
            #expect(detail?["kind"] == "NOT_LISTED" && detail?["source"] == "10.0.0.9")
            try await eventually("each is counted") {
                let refused = telemetry.metrics.samples().first {
                    $0.series.path == "apus.controller.reports.refused.NOT_LISTED"
                }
                return refused?.value == .counter(3)
            }
            list.value = try JoinList(file: try folder.file("node1\n"))
            #expect(try await report().verdict == .applied)
            list.value = try JoinList(file: try folder.file("# nobody\n"))
            #expect(try await report().verdict == .applied, "a member stays one")
        }
    }

    @Test func `a list has names of hosts, with or without a port, in whatever case`() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let list = try JoinList(
            file: try folder.file("# all of them\n\nnode1:3000\n  Node2.Example # two\n[::1]:3000\n")
        )
        func has(_ host: String, _ port: Int) -> Bool {
            var identity = identity()
            (identity.hostname, identity.port) = (host, port)
            return list.has(identity)
        }
        #expect(has("node1", 3000) && has("NODE1", 3000) && has("node2.example", 4711) && has("::1", 3000))
        #expect(!has("node1", 3001) && !has("node2", 3000) && !has("#", 3000) && !has("all", 3000))
    }

    @Test(arguments: [
        ("node1 node2", 1, 0o600, "line 1 is not the name of a host, or HOST:PORT"),
        ("x", 256, 0o600, "line 1 is not the name of a host, or HOST:PORT"),
        ("node1", 1, 0o666, "others than its owner may write"),
        ("n\n", 1 << 19, 0o600, "is longer than 1048576 bytes"),
    ])
    func `a list that cannot be one is refused with the reason`(
        _ text: String,
        _ times: Int,
        _ mode: Int,
        _ reason: String
    ) throws {
        let folder = try Folder()
        defer { folder.remove() }
        let path = try folder.file(String(repeating: text, count: times) + "\n", mode: mode)
        let error = #expect(throws: SmallFile.Trouble.self) { try JoinList(file: path) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    // MARK: secrets

    @Test func `an executor that shows a wrong secret is turned away, and told of once an hour`() async throws {
        let time = ManualTime()
        let root = CallerRig.basic("root")
        let rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: root)
        try await withController(store: MemoryStore(), time: time.source, callers: rig) { controller in
            func report(_ secret: String) async -> Int {
                let headers = ["Cluster-Authorization": secret, "NodeId": "node7"]
                let body = fullReport().json.serialized
                return await controller.call("POST", "internal/nodes/report", headers, body: body).status
            }
            for _ in 0..<3 { #expect(await report("another-secret-of-nodes") == 401) }
            try await eventually("it is told") { await told(controller, "EXECUTOR_REFUSED", root).count == 1 }
            let record = try #require(await told(controller, "EXECUTOR_REFUSED", root).first)
            #expect(record["actor"]?["name"] == "node7" && record["actor"]?["source"] == "192.0.2.1")
            #expect(record["outcome"] == "DENIED" && record["detail"] == ["kind": "WRONG_SECRET"])
            #expect(await report(CallerRig.secret) == 200)
            time.advance(by: .seconds(3_601))
            #expect(await report("another-secret-of-nodes") == 401)
            try await eventually("it is told again") { await told(controller, "EXECUTOR_REFUSED", root).count == 2 }
        }
    }

    @Test func `one that belongs to no cluster yet, and asks which this is with a wrong secret, is told of too`()
        async throws
    {
        let root = CallerRig.basic("root")
        let rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: root)
        try await withController(store: MemoryStore(), callers: rig) { controller in
            let headers = ["Cluster-Authorization": "another-secret-of-nodes", "NodeId": "node8"]
            #expect(await controller.call("GET", "cluster", headers).status == 401)
            try await eventually("it is told") { await told(controller, "EXECUTOR_REFUSED", root).count == 1 }
            let record = try #require(await told(controller, "EXECUTOR_REFUSED", root).first)
            #expect(record["actor"]?["name"] == "node8" && record["detail"] == ["kind": "WRONG_SECRET"])
        }
    }

    @Test func `a controller that shows a wrong secret is told of as one, beside its executor`() async throws {
        let root = CallerRig.basic("root")
        let rig = CallerRig(users: CallerRig.users, secrets: [CallerRig.secret], credentials: root)
        try await withController(store: MemoryStore(), callers: rig) { controller in
            let headers = ["Cluster-Authorization": "another-secret-of-nodes", "NodeId": "node7"]
            let body = fullReport().json.serialized
            #expect(await controller.call("POST", "internal/nodes/report", headers, body: body).status == 401)
            for path in ["internal/history?reader=x", "internal/history/audit"] {
                #expect(await controller.call("GET", path, headers).status == 401)
            }
            for action in ["EXECUTOR_REFUSED", "CONTROLLER_REFUSED"] {
                try await eventually("\(action) is told") { await told(controller, action, root).count == 1 }
                let record = try #require(await told(controller, action, root).first)
                #expect(record["actor"]?["name"] == "node7" && record["detail"] == ["kind": "WRONG_SECRET"])
            }
        }
    }
}

/// A list that a test changes while a controller looks.
private final class Listed: Sendable {
    private let state: Mutex<JoinList>
    var value: JoinList {
        get { state.withLock(\.self) }
        set { state.withLock { $0 = newValue } }
    }

    init(_ list: JoinList) { state = Mutex(list) }
}

private struct Folder {
    private let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "apus-members-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    func file(_ text: String, mode: Int = 0o600) throws -> String {
        let path = url.appending(path: "members").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    func remove() { #expect(throws: Never.self) { try FileManager.default.removeItem(at: url) } }
}
