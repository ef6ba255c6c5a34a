import ApusClient
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// What a role takes of its files while it runs.
extension CommandLineTests {
    private static func freeAddress() -> String { "127.0.0.1:\(Int.random(in: 20_000..<32_000))" }

    // MARK: settings

    private static func put(_ text: String, _ path: String) throws {
        try "\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Runs a role with the file `node.yaml` of a folder, and puts others in its place, each with a SIGHUP.
    ///
    /// It waits until the role says that it has begun, and then what is to be told of each file.
    ///
    /// - Returns: how it ended, and all that it said.
    private static func run(
        _ role: String,
        in folder: String,
        until begun: String,
        _ changes: [(file: String, told: String)]
    ) async throws -> (run: Run, lines: [String]) {
        let steps = changes.map { "change \($0.file) '\($0.told)'" }.joined(separator: "; ")
        let script = """
            cd '\(folder)'
            '\(Self.binary)' \(role) --config '\(folder)/node.yaml' 2>log >&2 &
            apus=$!
            until_told() {
                tries=0
                until grep -q "$1" log || [ $tries -ge 300 ]; do tries=$((tries + 1)); sleep 0.1; done
            }
            change() { mv "$1" node.yaml; kill -HUP $apus; until_told "$2"; }
            until_told '\(begun)'
            \(steps)
            kill -TERM $apus; wait $apus; echo "ended with $?"; cat log
            """
        let run = try await Program("/bin/sh", ["-c", script]).end()
        return (run, run.output.split(separator: "\n").map(String.init))
    }

    @Test func `SIGHUP takes what can change, tells what cannot, and keeps all if the file is broken`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        let fixed = """
            state: \(path)/state
            address: \(Self.freeAddress())
            admin-address: none
            """
        func write(_ lines: String, _ name: String) throws { try Self.put("\(fixed)\n\(lines)", "\(path)/\(name)") }
        try write("label: blue\nlog-level: info\naudit-age: 90d", "node.yaml")
        try write("label: green\nlog-level: warning", "quiet")
        try Self.put("adress: a", "\(path)/broken")
        try write("label: blue\naudit-age: soon", "wrong")
        try write("label: blue\naudit-age: 30d\nstale-task-age: 3d", "last")
        let (run, lines) = try await Self.run(
            "controller",
            in: path,
            until: "leading",
            [
                ("quiet", "hold only after a restart"), ("broken", "cannot be used"), ("wrong", "audit-age is set by"),
                ("last", "was read again"),
            ]
        )
        func told(_ text: String) -> [String] { lines.filter { $0.contains(text) } }
        #expect(told("leading").allSatisfy { $0.contains("label=blue") } && !told("leading").isEmpty, "\(run)")
        // The first reading said only what is worth a warning.
        let read = told("was read again")
        #expect(read.count == 1 && read[0].contains("changed=stale-task-age,audit-age,log-level"), "\(run)")
        let later = told("hold only after a restart")
        #expect(later.count == 1 && later[0].contains("settings=label") && later[0].contains("label=blue"))
        #expect(told("cannot be used").contains { $0.contains("adress is no setting here") })
        #expect(told("--audit-age is set by").allSatisfy { $0.contains("cannot be used") }, "on one line: \(run)")
    }

    @Test func `SIGHUP on an executor takes the log level, tells what cannot change, and of a broken file the line`()
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        let fixed = """
            state: \(path)/state
            admin-address: none
            docker-socket: \(path)/no-engine.sock
            controllers: http://127.0.0.1:1
            """
        func write(_ lines: String, _ name: String) throws { try Self.put("\(fixed)\n\(lines)", "\(path)/\(name)") }
        for name in ["node.yaml", "same"] { try write("label: blue\nzone: hall-1", name) }
        try write("log-level: critical\nadress: a", "unknown")
        try write("label: blue\nlog-level: loud", "odd")
        try write("label: green\nzone: hall-2\nlog-level: warning", "quiet")
        try write("label: blue\nzone: hall-1\nlog-level: debug", "last")
        // One that has been of its cluster before needs neither an engine nor a controller to start.
        try FileManager.default.createDirectory(atPath: "\(path)/state", withIntermediateDirectories: true)
        try Self.put("c1", "\(path)/state/cluster")
        let (run, lines) = try await Self.run(
            "executor --address \(Self.freeAddress())",
            in: path,
            until: "Ctrl-C ends this",
            [
                ("unknown", "adress is no setting"), ("same", "changed=nothing"), ("odd", "log-level is set by"),
                ("quiet", "hold only after a restart"), ("last", "changed=log-level"),
            ]
        )
        func told(_ text: String) -> [String] { lines.filter { $0.contains(text) } }
        #expect(lines.first == "ended with 0", "\(run)")
        let broken = told("the configuration cannot be used; what it said before holds")
        #expect(broken.count == 2 && broken.allSatisfy { $0.contains("label=blue") }, "\(run)")
        #expect(broken.first?.contains("\(path)/node.yaml:6: adress is no setting here") == true, "\(run)")
        #expect(told("--log-level is set by \(path)/node.yaml:6").count == 1, "\(run)")
        // The level that stood in the broken file was not taken; that of the third said only what is worth a warning.
        let read = told("was read again")
        #expect(read.count == 2, "\(run)")
        #expect(read.first?.contains("changed=nothing") == true && read.last?.contains("changed=log-level") == true)
        let later = told("hold only after a restart")
        #expect(later.count == 1 && later[0].contains(/settings=(label,zone|zone,label)\b/), "\(run)")
    }

    // MARK: who may join

    /// Reports of executors to a controller, each at a port where nobody listens.
    private struct Joining {
        let cluster: ClusterID
        let endpoint: String

        func report(from port: Int) async throws -> ReportAnswer {
            var report = fullReport()
            report.identity.cluster = cluster
            report.identity.id = ExecutorID("e\(port)")
            report.identity.key = NodeKey("k\(port)")
            (report.identity.hostname, report.identity.port) = ("127.0.0.1", port)
            return try await NodeClient().report(report, to: endpoint)
        }

        func isTaken(_ port: Int) async throws -> Bool { try await report(from: port).verdict == .applied }
    }

    @Test func `whoever is put on the list of --admission may join, until taken off; a broken list changes nothing`()
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (list, log, address) = ("\(folder.path)/members", "\(folder.path)/log", Self.freeAddress())
        func put(_ ports: Int..., and more: String = "") throws {
            let text = ports.map { "127.0.0.1:\($0)\n" }.joined() + more
            try text.write(toFile: list, atomically: true, encoding: .utf8)
        }
        try put(1, 4)
        let command = """
            exec '\(Self.binary)' controller --config none --state '\(folder.path)/state' --address \(address) \
            --admin-address none --admission 'listed:\(list)' 2>'\(log)'
            """
        let program = try Program("/bin/sh", ["-c", command])
        defer { if program.isRunning { program.kill9() } }
        var cluster: String?
        try await until("it leads") {
            cluster = try await APIClient(endpoint: "http://\(address)").cluster()["clusterId"]?.text
        }
        let executors = Joining(cluster: ClusterID(try #require(cluster)), endpoint: "http://\(address)")
        #expect(try await executors.isTaken(1))
        let refused = try await executors.report(from: 2)
        #expect(refused.verdict == .refused && refused.reason.contains("add 127.0.0.1 or 127.0.0.1:2 to the file"))

        try put(1, 2, 4)
        try await eventually("one that was added joins") { try await executors.isTaken(2) }
        try put(3, 5, 6, 7)
        try await eventually("the next one that was added joins") { try await executors.isTaken(3) }
        #expect(try await !executors.isTaken(4), "it was taken off before it came")
        #expect(try await executors.isTaken(1), "a member stays one")

        func said() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }
        /// What is wrong is told, the list before holds, and nobody new is on it.
        func expectTold(_ reason: String, listed: Int) async throws {
            try await eventually("it is told: \(reason)") {
                #expect(try await !executors.isTaken(8), "\(reason)")
                return try said().contains(reason)
            }
            #expect(try await executors.isTaken(listed), "\(reason)")
        }
        try put(8, and: "two words\n")
        try await expectTold("\(list), line 2 is not the name of a host", listed: 5)
        try FileManager.default.removeItem(atPath: list)
        try await expectTold("\(list) cannot be opened: there is no such file", listed: 6)
        try put(8, and: "#\(String(repeating: "x", count: 1 << 20))")
        try await expectTold("\(list) is longer than 1048576 bytes", listed: 7)
        try put(8)
        try await eventually("a list that is mended holds") { try await executors.isTaken(8) }
        let all = try said()
        let complaints = all.components(separatedBy: "cannot be used; what it said before holds").count - 1
        #expect(complaints == 3, "\(all)")
        program.interrupt()
        #expect(try await program.end().code == 0)
    }
}
