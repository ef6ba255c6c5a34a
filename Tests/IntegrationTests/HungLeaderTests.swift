import ApusTestKit
import Foundation
import Glibc
import Testing

extension ServiceTests {
    /// A leader of a cluster with several controllers, as a process.
    @Suite(.serialized) struct HungLeaderTests {
        @Test(.timeLimit(.minutes(2)))
        func `a leader whose loop hangs is ended by its watchdog, in a node too, and one that is started again leads`()
            async throws
        {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                // Each of a cluster of its own, side by side: a watchdog has patience. The node has been of its cluster
                // before: it needs no engine to start then.
                let node = "\(folder.path)/node"
                try FileManager.default.createDirectory(atPath: node, withIntermediateDirectories: true)
                let founder = try leader("controller", at: "\(node)/controller", "\(try ensemble.address("/node"))")
                try founder.start()
                let founded = await waits { founder.said.contains("leading") }
                #expect(await founder.terminate() == 0)
                #expect(founded, "\(founder.logTail)")
                let leaders = [
                    try leader("controller", at: "\(folder.path)/alone", "\(try ensemble.address("/alone"))"),
                    try leader("node", at: node, "\(try ensemble.address("/node"))"),
                ]
                for leader in leaders { try leader.start(environment: ["APUS_CRASH_AT": "hang:10"]) }
                for leader in leaders {
                    #expect(await leader.end(within: 40) == 70, "\(leader.logTail)")
                    #expect(leader.said.contains("has not come round for 10 s"))
                }
                for leader in leaders { try leader.start() }
                let result: Result<Void, any Error>
                do {
                    for leader in leaders {
                        try await until("it leads again", log: { leader.logTail }) {
                            try check(leader.said.components(separatedBy: "leading").count > 2, "it does not lead")
                        }
                    }
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                for leader in leaders { #expect(await leader.terminate() == 0) }
                try result.get()
            }
        }

        /// Whether it comes to that in time.
        private func waits(_ isSo: @escaping @Sendable () -> Bool) async -> Bool {
            do {
                try await until("it is so") { try check(isSo(), "it is not") }
                return true
            } catch {
                return false
            }
        }

        private func leader(_ role: String, at state: String, _ address: String) throws -> ApusProcess {
            var arguments = [
                role, "--state", state, "--address", "127.0.0.1:\(try freePort())", "--zookeeper", address,
                "--zookeeper-session", "2s",
            ]
            if role == "node" {
                arguments += [
                    "--executor-address", "127.0.0.1:\(try freePort())", "--docker-socket", "\(state)/no-engine.sock",
                ]
            }
            return try ApusProcess(arguments, log: "\(state).log")
        }

        @Test(.timeLimit(.minutes(2)))
        func `a standby in which nothing goes on is ended by its watchdog, and the leader leads on`() async throws {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let address = try ensemble.address("/hung")
                func controller(_ name: String) throws -> ApusProcess {
                    try ApusProcess(
                        [
                            "controller", "--state", "\(folder.path)/\(name)", "--address",
                            "127.0.0.1:\(try freePort())", "--zookeeper", "\(address)", "--zookeeper-session", "2s",
                            "--admin-address", "none",
                        ],
                        log: "\(folder.path)/\(name).log"
                    )
                }
                let (leader, standby) = (try controller("leader"), try controller("standby"))
                try leader.start()
                let result: Result<Void, any Error>
                do {
                    try await until("it leads", log: { leader.logTail }) {
                        try check(leader.said.contains("leading"), "it does not lead")
                    }
                    try standby.start(environment: ["APUS_CRASH_AT": "standstill:3"])
                    #expect(await standby.end(within: 40) == 70)
                    #expect(standby.said.contains("has done nothing for 10 s"))
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                #expect(await leader.terminate() == 0)
                try result.get()
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `a leader that hangs is ended by its watchdog though nobody reads its log`() async throws {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let (process, log) = (Process(), try LogPipe())
                defer { log.close() }
                process.executableURL = URL(fileURLWithPath: try needed("APUS_TEST_BINARY"))
                process.arguments = [
                    "controller", "--state", "\(folder.path)/controller", "--address", "127.0.0.1:\(try freePort())",
                    "--zookeeper", "\(try ensemble.address("/hung"))", "--zookeeper-session", "2s",
                    "--admin-address", "none",
                ]
                process.environment = ProcessInfo.processInfo.environment.merging(["APUS_CRASH_AT": "hang:10"]) { $1 }
                let writing = FileHandle(fileDescriptor: log.writing, closeOnDealloc: false)
                (process.standardOutput, process.standardError) = (writing, writing)
                process.standardInput = FileHandle.nullDevice
                let life = try ProcessLife(process)
                do {
                    try await until("it leads") { try check(log.read().contains("leading"), "it does not lead") }
                    try log.fill()
                } catch {
                    life.signal(SIGKILL)
                    Issue.record(error)
                }
                #expect(await life.end(within: 40) == 70)
            }
        }
    }
}

/// The log of a process, which somebody may stop to read.
private struct LogPipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try check(pipe(&ends) == 0, "no pipe: errno \(errno)")
        (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    func close() {
        _ = Glibc.close(reading)
        _ = Glibc.close(writing)
    }

    /// What has been written since the last time, without waiting for more.
    func read() -> String {
        var text = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(reading, &text, text.count)
        return String(decoding: text.prefix(max(0, count)), as: UTF8.self)
    }

    /// Until it takes nothing more; whoever else writes to it still waits.
    func fill() throws {
        let own = open("/proc/self/fd/\(writing)", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        try check(own >= 0, "cannot open the pipe: errno \(errno)")
        defer { _ = Glibc.close(own) }
        let page = [UInt8](repeating: 0, count: 4096)
        while write(own, page, page.count) > 0 {}
    }
}
