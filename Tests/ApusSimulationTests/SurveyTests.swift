import ApusSimulation
import Foundation
import Testing

/// Runs these plans on all cores.
func survey(_ plans: [Plan]) async -> Survey {
    await withTaskGroup(of: RunResult.self) { group in
        for plan in plans {
            group.addTask {
                var world = World(plan)
                return world.run()
            }
        }
        return await group.reduce(into: Survey()) { $0.add($1) }
    }
}

struct SurveyTests {
    static let seeds = ProcessInfo.processInfo.environment["APUS_SIM_SEEDS"].flatMap { Int($0) } ?? 200

    /// Ten thousand seeds take 35 minutes on two cores that do nothing else.
    @Test(.timeLimit(.minutes(120)))
    func `whatever goes wrong, no promise is broken, and afterwards all comes right`() async {
        let survey = await survey(Plan.fixed(max(1, Self.seeds)))
        for failure in survey.failures.prefix(3) { Issue.record("\(failure.failure ?? "")") }
        #expect(survey.failures.map(\.seed) == [])
        #expect(survey.small == [], "a run proves little that is short or has few executors")
        print("\(survey.runs) seeds, \(survey.steps) steps; hits:\n\(survey.hits.text)")
        #expect(survey.hits.unheardOf == [], "a change of state that nobody thought of")
        // With a few seeds a rare fault may stay away.
        if Self.seeds >= 100 { #expect(survey.hits.missing == [], "a fault that never happens proves nothing") }
    }

    @Test(arguments: Plan.regressions.map(\.seed))
    func `what a seed once found stays mended`(seed: UInt64) {
        var world = World(Plan(seed: seed))
        if let failure = world.run().failure { Issue.record("\(failure)") }
    }

    @Test func `a seed gives the same trace twice, and another seed another`() {
        var first = World(Plan(seed: 7))
        var second = World(Plan(seed: 7))
        var other = World(Plan(seed: 8))
        let result = first.run()
        #expect(result.steps > 1000)
        #expect(second.run().hash == result.hash)
        #expect(other.run().hash != result.hash)
    }

    @Test(arguments: [3, 11, 42] as [UInt64])
    func `a seed gives the same trace in another process`(seed: UInt64) async throws {
        let hash: UInt64 = {
            var world = World(Plan(seed: seed))
            return world.run().hash
        }()
        // Sets and dictionaries have another order there.
        let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [seed] in
            var world = World(Plan(seed: seed))
            print("trace \(world.run().hash)")
        }
        let output = try #require(child).standardOutputContent
        #expect(String(decoding: output, as: UTF8.self).contains("trace \(hash)"))
    }
}
