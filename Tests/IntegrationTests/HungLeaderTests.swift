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
