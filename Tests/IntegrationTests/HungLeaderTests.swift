import ApusTestKit
import Foundation
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
    }
}
