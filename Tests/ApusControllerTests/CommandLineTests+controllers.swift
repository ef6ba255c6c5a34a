import ApusClient
import ApusController
import ApusModel
import ApusTestKit
import Testing

/// Several controllers: `apus controllers`, commands that are told of several, and one whose ZooKeeper hangs.
extension CommandLineTests {
    /// Serves both; `endpoint` names the one that stands by first.
    static func withEndpoints(
        _ leader: Controller,
        _ standby: Controller,
        _ body: @escaping @Sendable (_ endpoint: String) async throws -> Void
    ) async throws {
        try await withServer(leader) { first in
            try await withServer(standby) { second in try await body("\(second.endpoint),\(first.endpoint)") }
        }
    }

    @Test func `controllers are shown, forgotten and asked to lead, by whichever leads`() async throws {
        try await ControllersAPITests.withTwo(time: ManualTime().source) { leader, standby, ballot in
            ballot.add(absent: "ctrl3:10000", ControllersAPITests.absent)
            try await Self.withEndpoints(leader, standby) { endpoint in
                func run(_ arguments: String...) async throws -> Run {
                    try await Program(Self.binary, ["controllers"] + arguments, endpoint: endpoint).end()
                }
                let (time, version) = ("2025-07-20T08:26:40Z", ApusVersion.text)
                let list = try await run()
                #expect(list.code == 0, "\(list.errors)")
                let rows = list.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(rows.count == 4)
                #expect(rows[1].dropLast(2) == ["ctrl1:10000", "http://ctrl1:10000", version, "LEADER"])
                #expect(rows[1].suffix(2) == [time, time])
                #expect(rows[2].prefix(4) == ["ctrl2:10000", "http://ctrl2:10000", version, "STANDBY"])
                #expect(rows[3] == ["ctrl3:10000", "https://ctrl3:10000", "0.0.1", "ABSENT", "-", time])

                let present = try await run("forget", "ctrl2:10000")
                #expect((present.code, present.errors) == (5, "apus: ctrl2:10000 is present: end it first\n"))
                #expect(try await run("forget", "ctrl9:10000").code == 1)
                let refused = try await run("hand-over", "--to", "ctrl3:10000")
                #expect(refused.code == 5)
                #expect(refused.errors == "apus: ctrl3:10000 does not stand by; these do: ctrl2:10000\n")
                #expect(try await run("forget", "ctrl3:10000").output == "ctrl3:10000 is forgotten\n")

                let over = try await run("hand-over", "--to", "ctrl2:10000")
                #expect((over.code, over.output) == (0, "ctrl2:10000 leads\n"), "\(over.errors)")
                let cluster = try await Program(Self.binary, ["cluster", "show"], endpoint: endpoint).end()
                #expect(cluster.output.hasPrefix("cluster c1, led by ctrl2:10000: "))
            }
        }
    }

    @Test func `a hand-over to one controller that another one takes has failed, and says who leads`() async throws {
        try await ControllersAPITests.withTwo { leader, standby, ballot in
            // It says that it stands by, and is not in the line.
            try await ballot.seat("ctrl3:10000").describe([])
            try await Self.withEndpoints(leader, standby) { endpoint in
                let over = try await Program(
                    Self.binary,
                    ["controllers", "hand-over", "--to", "ctrl3:10000"],
                    endpoint: endpoint
                ).end()
                #expect((over.code, over.output) == (1, ""))
                #expect(over.errors.hasPrefix("apus: ctrl3:10000 was to lead, and ctrl2:10000 leads"), "\(over.errors)")
            }
        }
    }

    @Test func `with none of several that leads it is not said to start one, but where to look`() async throws {
        try await ControllersAPITests.withTwo { leader, standby, _ in
            try await Self.withEndpoints(standby, standby) { endpoint in
                let run = try await Program(Self.binary, ["cluster", "show"], endpoint: endpoint).end()
                #expect(run.code == 7)
                #expect(run.errors.contains("No controller leads: ") && run.errors.contains(" stands by"))
                #expect(run.errors.contains("ZooKeeper") && run.errors.contains("/healthcheck"), "\(run.errors)")
                #expect(!run.errors.contains("apus dev"), "\(run.errors)")
            }
        }
    }

    @Test func `those that can lead, and those that can be forgotten, are completed`() async throws {
        try await ControllersAPITests.withTwo { leader, standby, ballot in
            ballot.add(absent: "ctrl3:10000", ControllersAPITests.absent)
            try await Self.withEndpoints(leader, standby) { endpoint in
                /// On a busy machine the command may be out of patience; then it offers nothing, and the next try more.
                func expect(_ argument: String, _ words: [String], _ name: String) async throws {
                    let all = ["apus", "controllers"] + words
                    let cursor = [argument, "\(all.count - 1)", "\(all.last?.count ?? 0)"]
                    let asked = ["---completion", "controllers", words[0], "--"] + cursor + all
                    try await eventually("\(words) offers \(name)") {
                        let run = try await Program(Self.binary, asked, endpoint: endpoint).end()
                        return run.output.split(whereSeparator: \.isWhitespace) == [name[...]]
                    }
                }
                try await expect("--to", ["hand-over", "--to", "c"], "ctrl2:10000")
                try await expect("positional@0", ["forget", ""], "ctrl3:10000")
            }
        }
    }

    @Test func `one controller alone is listed, and hands nothing over`() async throws {
        try await Self.withNode { _, _, endpoint in
            let list = try await Program(Self.binary, ["controllers", "--json"], endpoint: endpoint).end()
            #expect(list.output.hasPrefix(#"[{"controllerId":"ctrl1:10000","hostname":"ctrl1","port":10000,"#))
            let over = try await Program(Self.binary, ["controllers", "hand-over"], endpoint: endpoint).end()
            #expect((over.code, over.errors) == (5, "apus: No other controller stands by\n"))
        }
    }

    @Test func `a controller that is stopped ends though ZooKeeper hangs`() async throws {
        let (server, folder) = (try HungServer(), try TemporaryFolder())
        defer {
            server.close()
            folder.remove()
        }
        let socket = try NoticeSocket("\(folder.path)/notify")
        let arguments = [
            "controller", "--config", "none", "--state", "\(folder.path)/state", "--address",
            "127.0.0.1:\(Int.random(in: 20_000..<32_000))", "--admin-address", "none", "--zookeeper",
            "127.0.0.1:\(server.port)/apus",
        ]
        let program = try Program(Self.binary, arguments, environment: ["NOTIFY_SOCKET": socket.path])
        defer { if program.isRunning { program.kill9() } }
        try await eventually("it listens") { socket.received() == "READY=1" }
        try await eventually("it calls ZooKeeper") { server.isCalled }
        program.interrupt()
        try await eventually("it ends") { !program.isRunning }
        #expect(try await program.end().code == 0)
    }
}
