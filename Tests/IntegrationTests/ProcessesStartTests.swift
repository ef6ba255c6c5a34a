import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// How `apus controller` and `apus executor` start, alone and in any order.
    @Suite(.serialized) struct ProcessesStartTests {
        @Test(.timeLimit(.minutes(2)))
        func `an executor that is started first says that it waits for a controller, and joins the one that comes`()
            async throws
        {
            try await withProcesses { cluster in
                let reason = "no controller says yet which cluster this is"
                try cluster.executor.start()
                try await cluster.eventually("it says that it waits, and for whom") {
                    let said = cluster.executor.said
                    try check(said.contains(reason) && said.contains("\(cluster.address)"), said)
                    try check(said.contains("nobody listens there"), said)
                }
                let asked = ContinuousClock.now + .seconds(3)
                try await cluster.eventually("it has asked again, every second") {
                    try check(ContinuousClock.now > asked, "not yet")
                }
                #expect(cluster.executor.said.components(separatedBy: reason).count == 2, "it says so once")
                try cluster.controller.start()
                try await cluster.meet()
                _ = try await cluster.deploy(service("WEB"), instances: 1)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `an executor that waits for its first controller ends when it is told to`() async throws {
            try await withProcesses { cluster in
                try cluster.executor.start()
                try await cluster.eventually("it waits") {
                    try check(cluster.executor.said.contains("asking again"), cluster.executor.said)
                }
                #expect(await cluster.executor.terminate() == 0)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `an executor that was set up starts with neither engine nor controller, and goes on when they answer`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let app = try await cluster.deploy(service("WEB"), instances: 1)
                let before = try await cluster.containers().map(\.id)
                #expect(await cluster.executor.terminate() == 0)
                #expect(await cluster.controller.terminate() == 0)
                try cluster.disconnectEngine()

                try cluster.executor.start()
                try await cluster.eventually("it says that the engine does not answer, and that nobody leads") {
                    let said = cluster.executor.said
                    try check(said.contains("DOES NOT ANSWER at \(cluster.socketLink)"), said)
                    try check(said.contains("no leader takes reports") && said.contains(cluster.address), said)
                }
                #expect(cluster.executor.isRunning)
                try cluster.connectEngine()
                try cluster.controller.start()
                try await cluster.settle(app, at: 1)
                #expect(try await cluster.containers().map(\.id) == before)
                try await cluster.scale(app, to: 2)
                try await cluster.settle(app, at: 2)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `of several controllers an executor finds the one that answers`() async throws {
            try await withProcesses { cluster in
                try cluster.controller.start()
                try cluster.executor.start(
                    cluster.executorArguments(["--controllers", "http://127.0.0.1:9,\(cluster.address)"])
                )
                try await cluster.meet()
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `an executor of another cluster is refused by the leader, says so, and goes on`() async throws {
            try await withProcesses { cluster in
                try cluster.controller.start()
                try cluster.executor.start(
                    cluster.executorArguments(["--cluster", "another", "--controllers", cluster.address])
                )
                try await cluster.eventually("it says that the leader refuses it, and why") {
                    let said = cluster.executor.said
                    try check(said.contains("leader refuses this executor"), said)
                    try check(said.contains("belongs to cluster another"), said)
                }
                #expect(cluster.executor.isRunning)
                #expect(try await cluster.api.cluster()["numExecutors"] == 0)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `another state folder under an id that lives, and a copied one under another, are refused and audited`()
            async throws
        {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let own = "\(cluster.folder)/executor"
                try FileManager.default.copyItem(atPath: own, toPath: "\(own)-copied")
                let port = try #require(cluster.executorAddress.split(separator: ":").last)
                // Its hostname and its port make an executor's id.
                let places: [(state: String, address: String, reason: String)] = [
                    ("\(own)-other", "127.0.0.2:\(port)", "(its key differs)"),
                    ("\(own)-copied", "127.0.0.1:\(try freePort())", "has the key of the member 127.0.0.1:\(port)"),
                ]
                for place in places {
                    let other = try ApusProcess(
                        [
                            "executor", "--state", place.state, "--address", place.address, "--hostname", "127.0.0.1",
                            "--docker-socket", cluster.socketLink, "--controllers", "http://\(cluster.address)",
                        ],
                        log: "\(place.state).log"
                    )
                    try other.start()
                    let result: Result<Void, any Error>
                    do {
                        try await cluster.eventually("it says that the leader refuses it, and why") {
                            let said = other.said
                            try check(said.contains("leader refuses this executor"), said)
                            try check(said.contains(place.reason), said)
                        }
                        result = .success(())
                    } catch {
                        result = .failure(error)
                    }
                    #expect(await other.terminate() == 0, "it went on until it was told to end")
                    try result.get()
                }
                // It is noted after it was answered.
                try await cluster.eventually("both are in the audit log") {
                    let refused = try await cluster.api.audit([("action", "EXECUTOR_REFUSED")]).records
                    let kinds = refused.compactMap { $0.json["detail"]?["kind"]?.text }
                    try check(kinds == ["COPIED_KEY", "OTHER_KEY"], "\(kinds)")
                    #expect(zip(refused.reversed(), places).allSatisfy { $0.cause.contains($1.reason) }, "\(refused)")
                }
                #expect(try await cluster.api.cluster()["numExecutors"] == 1)
                _ = try await cluster.deploy(service("WEB"), instances: 1)
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a mistake in what a process is told ends it with a text that says what to do`() async throws {
            try await withProcesses { cluster in
                try await cluster.startAndMeet()
                let fresh = ["--state", "\(cluster.folder)/fresh"]
                let cases: [([String], Int32, String)] = [
                    (["controller", "--address", "node1:10000"], 64, "--address must be an IP address and a port"),
                    (["controller", "--address", "0.0.0.0:10000"] + fresh, 1, "so it must know whom it serves"),
                    (["executor", "--address", "10.1.2.3:11000"] + fresh, 1, "give --node-secret-file FILE"),
                    (["executor", "--address", "[fd00::1]:11000"], 64, "--address must be of version 4, or [::]"),
                    (["controller", "--hostname", "a_b"], 64, "--hostname must be the name of a host"),
                    (["controller", "--tls-key", "/k"], 64, "--tls-certificate and --tls-key belong together"),
                    (
                        ["executor", "--controllers", "http://10.1.2.3", "--docker-socket", "/no/such.sock"] + fresh, 1,
                        "without TLS passwords and secrets cross the network readable"
                    ),
                    (["executor", "--controllers", "ftp://a:1"], 64, "--controllers must be a URL such as"),
                    (
                        ["executor", "--node-secret-file", "/no"] + fresh, 1,
                        "/no cannot be opened: there is no such file"
                    ),
                    (["executor", "--pinned", "--multiplier", "2"], 64, "exclude each other"),
                    (["executor", "--allow-volume", "data"], 64, "--allow-volume must be a whole path"),
                    (["executor", "--cluster", "a b"], 64, "--cluster must be"),
                    (["node", "--executor-address", "[fd00::1]:11000"], 64, "--executor-address must be of version 4"),
                    (["node", "--docker-socket", "/no/such.sock"] + fresh, 1, "No Docker engine can be used at"),
                    (["controller", "--state", "\(cluster.folder)/controller"], 1, "is in use by process"),
                    (cluster.executorArguments([]), 1, "is in use by process"),
                    (["executor", "--docker-socket", "/no/such.sock"] + fresh, 1, "No Docker engine can be used at"),
                ]
                for (index, (arguments, code, text)) in cases.enumerated() {
                    let process = try ApusProcess(arguments, log: "\(cluster.folder)/mistake\(index).log")
                    try process.start()
                    #expect(await process.end() == code, "\(arguments): \(process.said)")
                    #expect(process.said.contains(text), "\(arguments): \(process.said)")
                }

                #expect(await cluster.executor.terminate() == 0)
                let other = try ApusProcess(
                    cluster.executorArguments(["--cluster", "another"]),
                    log: "\(cluster.folder)/other.log"
                )
                try other.start()
                #expect(await other.end() == 1)
                #expect(other.said.contains("belongs to the cluster"), "\(other.said)")
                let node = ["node", "--state", "\(cluster.folder)/executor"]
                let third = try ApusProcess(node, log: "\(cluster.folder)/third.log")
                try third.start()
                #expect(await third.end() == 5)
                #expect(third.said.contains("is the state directory of another role"), "\(third.said)")
            }
        }
    }
}
