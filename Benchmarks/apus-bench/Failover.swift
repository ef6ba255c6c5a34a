import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import ArgumentParser
import Foundation

/// How long a cluster takes no changes when its leader is killed or hands over, with clients at work all the while; and
/// that nothing accepted is lost, done twice or answered out of order for it, nor commands of two leaders are obeyed.
struct Failover: AsyncParsableCommand {
    @Option(help: "Controllers; a single one is started again, and leads on.") var controllers = 3
    @Option(help: "Executors.") var executors = 6
    @Option(help: "Kills of the leader.") var kills = 100
    @Option(help: "Hand-overs that the leader is asked for.") var handovers = 10

    private static let clients = 8
    /// Between two kills: the last one is over, and whoever leads has been at work.
    private static let answersBetween = 100

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let binary = environment["APUS_BENCH_BINARY"], let engine = environment["APUS_BENCH_FAKE_ENGINE"] else {
            throw BenchError(description: "APUS_BENCH_BINARY is not set; run scripts/bench, which sets it")
        }
        let programs = LabCluster.Programs(
            apus: binary,
            fakeEngine: engine,
            zooKeeperJar: environment["APUS_BENCH_ZOOKEEPER_JAR"]
        )
        try await LabCluster.with(controllers: controllers, executors: executors, programs) { cluster in
            do {
                try await measure(FailoverScene(cluster))
            } catch {
                // Once more behind all that the processes said, where it is looked for.
                print("failover: \(error)\n\(cluster.logTails)\nfailover: \(error)")
                throw error
            }
        }
    }

    private func measure(_ scene: FailoverScene) async throws {
        try await scene.populate()
        let (failovers, handed) = try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await scene.ask(Self.clients) }
            var failovers: [Double] = []
            for tried in 1...(2 * kills + 1) where failovers.count < kills {
                try await scene.isAtWork(Self.answersBetween)
                guard let seconds = try await scene.kill() else { continue }
                failovers.append(seconds)
                if failovers.count % 10 == 0 { say("\(failovers.count) of \(kills) kills, \(tried) tried") }
            }
            guard failovers.count == kills else {
                throw BenchError(description: "of \(2 * kills + 1) that were killed only \(failovers.count) led")
            }
            var handed: [Double] = []
            for _ in 0..<(controllers > 1 ? handovers : 0) {
                try await scene.isAtWork(Self.answersBetween)
                handed.append(try await scene.handOver())
            }
            return (failovers, handed)
        }
        show("failover-max", failovers.max() ?? .nan, "s", "\(failovers.count) kills, limit 5 s", 5)
        show("failover-median", failovers.median, "s", "\(failovers.count) kills, limit 5 s", 5)
        if let longest = handed.max() {
            show("handover-max", longest, "s", "\(handed.count) hand-overs, limit 1 s", 1)
        }
        for (name, faults) in try await scene.faults(after: kills) {
            for fault in faults.prefix(10) { print("\(name): \(fault)") }
            show("failover-\(name)", Double(faults.count), "times", "none may be", .ulpOfOne)
        }
    }

    /// Beside the figures: it takes minutes.
    private func say(_ text: String) { FileHandle.standardError.write(Data("failover: \(text)\n".utf8)) }

    private func show(_ name: String, _ value: Double, _ unit: String, _ against: String, _ limit: Double) {
        Row(name: name, value: value, unit: unit, against: against, ratio: value / limit, aim: 1).show()
    }
}
