import ApusSimulation
import Testing

/// The checkers can fail: each defect, put in on purpose, is found by the check that is there for it.
struct SabotageTests {
    @Test(arguments: [
        (Plan.Sabotage.coresBookedTwice, "is held by"),
        (.requestForgotten, "an accepted request is lost"),
        (.assignmentForgotten, "leaves before its assignment is stored"),
        (.straysKept, "it does not come right"),
        (.endedStartedAgain, "ended for the controller, and its container runs"),
        (.foreignRemoved, "is not ours"),
    ])
    func `a defect is found`(sabotage: Plan.Sabotage, text: String) async {
        let plans = (1...20 as ClosedRange<UInt64>).map { seed in
            var plan = Plan(seed: seed)
            plan.sabotage = sabotage
            return plan
        }
        let found = await run(plans).compactMap(\.violation)
        #expect(found.contains { $0.contains(text) }, "found instead: \(Set(found))")
    }
}
