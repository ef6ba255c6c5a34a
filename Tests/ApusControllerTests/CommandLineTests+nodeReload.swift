import ApusTestKit
import Foundation
import Testing

/// What `apus node` takes of its file while it runs, and whom an executor and a node tell that they do.
extension CommandLineTests {
    /// Two of them are most likely not the same.
    private static func anyAddress() -> String { "127.0.0.1:\(Int.random(in: 20_000..<32_000))" }

    /// Of a cluster already, a process needs neither an engine nor a controller to start.
    private static func settle(_ state: String) throws {
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try "c1\n".write(toFile: "\(state)/cluster", atomically: true, encoding: .utf8)
    }

    @Test func `SIGHUP on a node takes what both roles can take, tells what cannot change, and of a broken file why`()
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        let fixed = """
            state: \(path)/state
            admin-address: none
            docker-socket: \(path)/no-engine.sock
            address: \(Self.anyAddress())
            executor-address: \(Self.anyAddress())
            """
        let files = [
            "node.yaml": "label: blue\nzone: hall-1\naudit-age: 90d",
            "wrong": "label: blue\nzone: hall-1\naudit-age: soon",
            "unknown": "label: blue\nadress: a",
            "quiet": "label: green\nzone: hall-2\naudit-age: 90d\nlog-level: warning",
            "last": "label: blue\nzone: hall-1\naudit-age: 30d\nlog-level: info",
        ]
        for (name, lines) in files {
            try "\(fixed)\n\(lines)\n".write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        }
        try Self.settle("\(path)/state/controller")
        let script = """
            cd '\(path)'
            '\(Self.binary)' node --config '\(path)/node.yaml' 2>log >&2 &
            apus=$!
            until_told() {
                tries=0
                until grep -q "$1" log || [ $tries -ge 300 ]; do tries=$((tries + 1)); sleep 0.1; done
            }
            change() { mv "$1" node.yaml; kill -HUP $apus; until_told "$2"; }
            until_told 'Ctrl-C ends this'
            change wrong 'audit-age is set by'
            change unknown 'adress is no setting'
            change quiet 'hold only after a restart'
            change last 'was read again'
            kill -TERM $apus; wait $apus; echo "ended with $?"; cat log
            """
        let run = try await Program("/bin/sh", ["-c", script]).end()
        let lines = run.output.split(separator: "\n").map(String.init)
        func told(_ text: String) -> [String] { lines.filter { $0.contains(text) } }
        #expect(lines.first == "ended with 0", "\(run)")
        let broken = told("the configuration cannot be used; what it said before holds")
        #expect(broken.count == 2 && broken.allSatisfy { $0.contains("label=blue") }, "\(run)")
        #expect(broken.last?.contains("adress is no setting here") == true, "\(run)")
        let later = told("hold only after a restart")
        #expect(later.count == 1 && later[0].contains(/settings=(label,zone|zone,label)\b/), "\(run)")
        // The reading before it said only what is worth a warning.
        let read = told("was read again")
        #expect(read.count == 1 && read[0].contains(/changed=(audit-age,log-level|log-level,audit-age)\b/), "\(run)")
    }

    @Test(arguments: ["executor", "node"])
    func `a service manager is told when an executor or a node does its work, which may be to wait`(role: String)
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path
        let socket = try NoticeSocket("\(path)/notify")
        let own: [String]
        if role == "node" {
            try Self.settle("\(path)/state/controller")
            own = ["--executor-address", Self.anyAddress()]
        } else {
            try Self.settle("\(path)/state")
            own = ["--controllers", "http://127.0.0.1:1"]
        }
        let arguments = [
            role, "--config", "none", "--state", "\(path)/state", "--address", Self.anyAddress(), "--admin-address",
            "none", "--docker-socket", "\(path)/no-engine.sock",
        ]
        let program = try Program(Self.binary, arguments + own, environment: ["NOTIFY_SOCKET": socket.path])
        defer { if program.isRunning { program.kill9() } }
        try await eventually("it is told") { socket.received() == "READY=1" }
        program.interrupt()
        let run = try await program.end()
        #expect(run.output.contains("executor  http://"), "\(run)")
        #expect(socket.received() == nil, "it is told once")
    }
}
