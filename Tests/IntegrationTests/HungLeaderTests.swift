import ApusTestKit
import Foundation
import Glibc
import Testing

extension ServiceTests {
    /// A leader of a cluster with several controllers, as a process.
    @Suite(.serialized) struct HungLeaderTests {
        @Test(.timeLimit(.minutes(2)))
        func `a leader whose loop hangs is ended by its watchdog, and one that is started again leads`() async throws {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let controller = try ApusProcess(
                    [
                        "controller", "--state", "\(folder.path)/controller", "--address",
                        "127.0.0.1:\(try freePort())", "--zookeeper", "\(try ensemble.address("/hung"))",
                        "--zookeeper-session", "2s",
                    ],
                    log: "\(folder.path)/controller.log"
                )
                try controller.start(environment: ["APUS_CRASH_AT": "hang:10"])
                #expect(await controller.end(within: 40) == 70)
                #expect(controller.said.contains("has not come round for 10 s"))
                try controller.start()
                let result: Result<Void, any Error>
                do {
                    try await until("it leads again", log: { controller.logTail }) {
                        try check(controller.said.components(separatedBy: "leading").count > 2, "it does not lead")
                    }
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                #expect(await controller.terminate() == 0)
                try result.get()
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `a leader that hangs is ended by its watchdog though nobody reads its log`() async throws {
            let jar = try needed("APUS_TEST_ZOOKEEPER_JAR")
            let folder = try TemporaryFolder()
            try await ZooKeeperEnsemble.with(jar: jar) { ensemble in
                let (process, log) = (Process(), Pipe())
                process.executableURL = URL(fileURLWithPath: try needed("APUS_TEST_BINARY"))
                process.arguments = [
                    "controller", "--state", "\(folder.path)/controller", "--address", "127.0.0.1:\(try freePort())",
                    "--zookeeper", "\(try ensemble.address("/hung"))", "--zookeeper-session", "2s",
                    "--admin-address", "none",
                ]
                process.environment = ProcessInfo.processInfo.environment.merging(["APUS_CRASH_AT": "hang:10"]) { $1 }
                (process.standardOutput, process.standardError) = (log, log)
                process.standardInput = FileHandle.nullDevice
                let life = try ProcessLife(process)
                do {
                    try await until("it leads") { try check(Self.read(log).contains("leading"), "it does not lead") }
                    try Self.fill(log)
                } catch {
                    life.signal(SIGKILL)
                    Issue.record(error)
                }
                #expect(await life.end(within: 40) == 70)
            }
        }

        /// What has been written since the last time, without waiting for more.
        private static func read(_ pipe: Pipe) -> String {
            let descriptor = pipe.fileHandleForReading.fileDescriptor
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            var text = [UInt8](repeating: 0, count: 1 << 16)
            let count = Glibc.read(descriptor, &text, text.count)
            return String(decoding: text.prefix(max(0, count)), as: UTF8.self)
        }

        /// Until it takes nothing more; whoever else writes to it still waits.
        private static func fill(_ pipe: Pipe) throws {
            let path = "/proc/self/fd/\(pipe.fileHandleForWriting.fileDescriptor)"
            let own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            try check(own >= 0, "cannot open the pipe: errno \(errno)")
            defer { close(own) }
            let page = [UInt8](repeating: 0, count: 4096)
            while write(own, page, page.count) > 0 {}
        }
    }
}
