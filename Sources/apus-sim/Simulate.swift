import ApusSimulation
import ArgumentParser

/// Runs seeds of the simulator: engine and agents together on a virtual clock, with faults.
@main
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-sim",
        abstract: "Runs the engine and its executors in a simulated world full of faults, and checks what must hold.",
        discussion: "A seed gives the same run everywhere. Exit code 1: something did not hold, or a fault never came."
    )

    @Option(help: "How many seeds to run.")
    var seeds = 200

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Flag(help: "Run the fixed seeds, and after them those from the first one on.")
    var fixed = false

    @Option(help: "Choose so many of the seeds that were run, so that together they meet every fault often.")
    var choose: Int?

    @Option(help: "How many seeds run side by side.")
    var width = 2

    @Flag(help: "Print every event of every seed; they then run one after the other.")
    var trace = false

    func run() async throws {
        var survey = Survey()
        var results: [RunResult] = []
        func take(_ result: RunResult) {
            survey.add(result)
            if choose != nil { results.append(result) }
        }
        if trace { traced().forEach(take) } else { await sideBySide(take) }
        for failure in survey.failures.prefix(3) { print("\(failure.failure ?? "")\n") }
        print(survey.hits.text)
        if let choose { print("chosen: \(Survey.choose(choose, of: results))") }
        let slowest = survey.slowestConvergence.components.seconds
        let which = fixed ? "fixed seeds" : "seeds from \(first)"
        print(
            "\(survey.runs) \(which), \(survey.steps) steps, slowest to come right \(slowest) s (seed \(survey.slowest))"
        )
        print("trace \(String(survey.hash, radix: 16))")
        if !survey.failures.isEmpty {
            print("FAILED: seeds \(survey.failures.map { "\($0.seed)" }.joined(separator: " "))")
            throw ExitCode(1)
        }
        guard survey.small.isEmpty else {
            print(
                "FAILED: too short, or of too few or many executors: \(survey.small.map { "\($0)" }.joined(separator: " "))"
            )
            throw ExitCode(1)
        }
        let (missing, unheardOf) = (survey.hits.missing, survey.hits.unheardOf)
        if !unheardOf.isEmpty {
            print("FAILED: never thought of: \(unheardOf.joined(separator: ", "))")
            throw ExitCode(1)
        }
        // A few seeds cannot be expected to meet everything, but for those that were chosen for it.
        guard seeds >= (fixed ? 100 : 1000), !missing.isEmpty else {
            if !missing.isEmpty { print("never happened: \(missing.joined(separator: ", "))") }
            return
        }
        print("FAILED: never happened: \(missing.joined(separator: ", "))")
        throw ExitCode(1)
    }

    private var plans: [Plan] {
        let count = max(0, seeds)
        return fixed ? Plan.fixed(count) : (0..<UInt64(count)).map { Plan(seed: first + $0) }
    }

    private func traced() -> [RunResult] {
        plans.map { plan in
            print("seed \(plan.seed)")
            var world = World(plan)
            return world.run { print($0) }
        }
    }

    private func sideBySide(_ take: (RunResult) -> Void) async {
        await withTaskGroup(of: RunResult.self) { group in
            var waiting = plans[...]
            func addNext(to group: inout TaskGroup<RunResult>) {
                guard let plan = waiting.popFirst() else { return }
                group.addTask {
                    var world = World(plan)
                    return world.run()
                }
            }
            for _ in 0..<max(1, width) { addNext(to: &group) }
            while let result = await group.next() {
                take(result)
                addNext(to: &group)
            }
        }
    }
}
