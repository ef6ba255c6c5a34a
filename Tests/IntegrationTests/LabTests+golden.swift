import ApusLab
import ApusModel
import ApusTestKit
import Foundation
import Testing

extension ServiceTests.LabTests {
    /// With `APUS_RECORD_GOLDEN=1` what is left takes the place of `Tests/Golden/7/state`: read it before it is committed.
    @Test(.timeLimit(.minutes(5)))
    func `full suite: what executors and controllers went through outlasts the leader, and all of the processes`()
        async throws
    {
        try await withLabCluster(controllers: 2, executors: 2) { cluster in
            let golden = GoldenCluster(cluster)
            try await golden.loseAnExecutor()
            try await golden.work()
            try await golden.findTheExecutor()
            let before = try await golden.past()
            try await golden.makeWay()
            #expect(try await Array(golden.past().prefix(before.count)) == before, "the next leader knows it too")

            let scratch = try TemporaryFolder()
            defer { scratch.remove() }
            let folder = isRecordingGolden ? goldenPath("7/state") : "\(scratch.path)/state"
            if FileManager.default.fileExists(atPath: folder) { try FileManager.default.removeItem(atPath: folder) }
            try await golden.leave(in: folder)
            let left = try ZooKeeperDump(file: "\(folder)/zookeeper.jsonl")
            let facts = try #require(left.nodes.first { $0.path.hasSuffix("/facts") })
            #expect(try JSON(parsing: facts.text)["handOver"] != nil, "it is stored why the leadership was handed over")
            #expect(left.nodes.contains { $0.path.hasPrefix("/records/member/") && $0.text.contains(#""LOST""#) })
        }
    }
}
