import ApusModel
import ApusSimulation
import Testing

struct ScriptTests {
    /// The whole life of two applications, with a failure in between.
    static let life: [(after: Duration, act: Plan.Act)] = [
        (.seconds(5), .create(app: 0, instances: 3)),
        (.seconds(6), .create(app: 1, instances: 1)),
        (.seconds(15), .killContainer(app: 0)),
        (.seconds(25), .scale(app: 0, to: 5)),
        (.seconds(40), .scale(app: 0, to: 2)),
        (.seconds(50), .recover(app: 1)),
        (.seconds(50), .createTask),
        (.seconds(55), .replace(app: 0, stopFirst: false)),
        (.seconds(70), .createTask),
        (.seconds(75), .replace(app: 1, stopFirst: true)),
        (.seconds(90), .suspend(app: 0)),
        (.seconds(105), .destroy(app: 0)),
    ]

    /// A service moves to its next version and back, and one of its containers fails on the way.
    static let moves: [(after: Duration, act: Plan.Act)] = [
        (.seconds(5), .create(app: 0, instances: 3)),
        (.seconds(6), .create(app: 1, instances: 0)),
        (.seconds(20), .rollOut(app: 1, from: 0)),
        (.seconds(24), .killContainer(app: 1)),
        (.seconds(60), .rollOut(app: 0, from: 1)),
        (.seconds(64), .killContainer(app: 1)),
    ]

    enum Course: CaseIterable, Sendable {
        case life, moves
        var script: [(after: Duration, act: Plan.Act)] { self == .life ? ScriptTests.life : ScriptTests.moves }
    }

    @Test(arguments: Course.allCases)
    func `on calm waters everything is done as asked`(_ course: Course) {
        var world = World(Plan(script: course.script, executors: 2))
        let result = world.run()
        #expect(result.failure == nil)
        #expect(result.commits > 20)
    }

    @Test(arguments: Plan.CommitFailure.allCases, Course.allCases)
    func `whichever commit fails, nothing accepted is lost and all comes right`(
        failure: Plan.CommitFailure,
        _ course: Course
    ) async {
        var calm = World(Plan(script: course.script, executors: 2))
        let commits = calm.run().commits
        let plans = (1...commits).map { commit in
            var plan = Plan(script: course.script, executors: 2)
            plan.commitFailure = (commit, failure)
            return plan
        }
        for (commit, result) in zip(1..., await inOrder(plans)) {
            if let text = result.failure {
                Issue.record("commit \(commit) of \(commits), \(failure.rawValue): \(text)")
            }
            #expect(result.hits[failure.fault] == 1, "commit \(commit) did not fail")
        }
    }

    @Test(arguments: [0, 1])
    func `a restart of the controller or of an executor leaves every container running`(which: Int) {
        let crash: Plan.Act = which == 0 ? .crashController : .crashExecutor(0)
        let script: [(after: Duration, act: Plan.Act)] = [
            (.seconds(5), .create(app: 0, instances: 4)), (.seconds(30), crash), (.seconds(50), crash),
        ]
        var world = World(Plan(script: script, executors: 2))
        let result = world.run()
        #expect(result.failure == nil)
        #expect(result.containersStarted == 4)
    }

    @Test func `strays are gone within half a minute, and what runs stays`() {
        let script: [(after: Duration, act: Plan.Act)] =
            [(.seconds(5), .create(app: 0, instances: 4))]
            + (0..<6).map { (.seconds(30 + $0), .plantStray(executor: $0 % 2)) }
        var world = World(Plan(script: script, executors: 2))
        let result = world.run()
        #expect(result.failure == nil)
        #expect(result.hits[.strayPlanted] == 6)
        // Counted from 5 s after the last was planted.
        #expect((result.convergence ?? .seconds(999)) <= .seconds(25))
    }

    @Test func `of an executor of which one channel alone is cut that channel is named, and no other`() {
        let script: [(after: Duration, act: Plan.Act)] = [
            (.seconds(5), .create(app: 0, instances: 3)),
            (.seconds(20), .cut(.control, executor: 0, for: .seconds(60))),
            (.seconds(120), .cut(.data, executor: 1, for: .seconds(60))), (.seconds(240), .createTask),
        ]
        var world = World(Plan(script: script, executors: 2))
        let result = world.run()
        // What is named and was not cut is a violation.
        #expect(result.failure == nil)
        #expect(result.channelsNamed.keys.sorted { $0.rawValue < $1.rawValue } == [.control, .data])
        #expect(result.channelsNamed.values.allSatisfy { $0 >= 3 }, "\(result.channelsNamed)")
    }

    @Test func `a leader that is cut off makes way for one that is not, and nothing is lost or started twice`() {
        let script: [(after: Duration, act: Plan.Act)] = [
            (.seconds(5), .create(app: 0, instances: 5)),
            // Longer than many that fall silent together are waited for.
            (.seconds(30), .cutLeader(from: [0, 1, 2, 3], for: .seconds(120))),
            (.seconds(200), .cut(.control, executor: 4, for: .seconds(1))),
        ]
        var world = World(Plan(script: script, executors: 5))
        let result = world.run()
        #expect(result.failure == nil)
        #expect(result.hits[.leaderHandedOver] == 1)
        #expect(result.containersStarted == 5)
    }

    private func inOrder(_ plans: [Plan]) async -> [RunResult] {
        await withTaskGroup(of: (Int, RunResult).self) { group in
            for (index, plan) in plans.enumerated() {
                group.addTask {
                    var world = World(plan)
                    return (index, world.run())
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

extension Plan.CommitFailure {
    fileprivate var fault: Fault {
        switch self {
        case .before: .commitFailedBefore
        case .after: .commitFailedAfter
        case .crashBefore: .commitLostInCrash
        case .crashAfter: .commitKeptInCrash
        }
    }
}
