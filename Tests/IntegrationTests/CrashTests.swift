import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// What a service may be expected to run after a crash: more than one count if an answer was lost with the process.
    private struct Promise {
        var counts: Set<Int>
        /// A creation whose answer was lost may not have been accepted.
        var mustExist: Bool
    }

    /// kill -9 with operations under way, at named points and at random; everything accepted must be there after it.
    @Test(.timeLimit(.minutes(5)))
    func `kill -9 five times with operations under way loses nothing that was accepted`() async throws {
        let given = ProcessInfo.processInfo.environment["APUS_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 1...9999)
        var random = SplitMix64(seed: seed)
        print("kill -9 test: APUS_TEST_SEED=\(seed)")
        try await withDevCluster { cluster in
            let steady = try await cluster.deploy(service("STEADY"), instances: 2)
            try await cluster.settle(steady, at: 2)
            let untouched = try await cluster.containers().map(\.id)
            var promises: [AppID: Promise] = [:]
            let points = [
                "before-commit:\(Int.random(in: 1...3, using: &random))",
                "after-commit:\(Int.random(in: 1...3, using: &random))",
                "after-send:\(Int.random(in: 1...2, using: &random))", nil, nil,
            ]
            for (round, point) in points.enumerated() {
                cluster.kill9()
                try await cluster.start(crashAt: point)
                let count = Int.random(in: 1...3, using: &random)
                await burden(cluster, round: round, count: count, promises: &promises)
                // At random: as soon as so many containers stand, or soon in any case.
                let many = try await cluster.containers().count + Int.random(in: 0...count, using: &random)
                try? await cluster.eventually("\(many) containers", within: .seconds(2)) {
                    try check(try await cluster.containers().count >= many || !cluster.isRunning, "fewer")
                }
                cluster.kill9()
            }
            try await cluster.startAndAnswer()
            var expected = 2
            for (app, promise) in promises.sorted(by: { $0.key < $1.key }) {
                let listed = try await cluster.api.applications().first { $0.id == app }
                guard let listed else {
                    #expect(!promise.mustExist, "\(app) was accepted and is gone")
                    continue
                }
                #expect(promise.counts.contains(listed.expected), "\(app): \(listed.expected), not \(promise.counts)")
                try await cluster.settle(app, at: listed.expected)
                expected += listed.expected
            }
            try await cluster.settle(steady, at: 2)
            try await cluster.eventually("no orphan is left") {
                let all = try await cluster.containers()
                try check(all.count == expected && all.allSatisfy(\.isRunning), "\(all.count) instead of \(expected)")
            }
            let now = Set(try await cluster.containers().map(\.id))
            #expect(untouched.allSatisfy { now.contains($0) }, "containers that nobody touched were replaced")
        }
    }

    /// Asks for a new application, and for a change of an earlier one, until the process answers or is gone.
    private func burden(_ cluster: DevCluster, round: Int, count: Int, promises: inout [AppID: Promise]) async {
        let new = AppID("ROUND\(round)-1")
        await ask(cluster) {
            promises[new] = Promise(counts: [count], mustExist: promises[new]?.mustExist ?? false)
            _ = try await cluster.deploy(service("ROUND\(round)"), instances: count, parallelism: 2)
            promises[new]?.mustExist = true
        }
        guard let earlier = promises.keys.sorted().first(where: { $0 != new }) else { return }
        let target = round % 2 + 1
        await ask(cluster) {
            promises[earlier]?.counts.insert(target)
            try await cluster.scale(earlier, to: target)
            promises[earlier]?.counts = [target]
        }
    }

    /// Tries until an answer comes, the process is gone, or two seconds have passed.
    private func ask(_ cluster: DevCluster, _ request: () async throws -> Void) async {
        try? await cluster.eventually("an answer", within: .seconds(2)) {
            do {
                try await request()
            } catch let error as ClientError {
                // A refusal is an answer; and nobody is left to give one once the process is gone.
                if case .refused = error.code { return }
                try check(!cluster.isRunning, "\(error)")
            }
        }
    }
}
