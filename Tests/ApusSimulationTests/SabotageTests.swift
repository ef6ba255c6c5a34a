import ApusSimulation
import Testing

/// The checkers can fail: each defect, put in on purpose, is found by the check that is there for it.
struct SabotageTests {
    /// What the check that is there for the defect says.
    static func text(for sabotage: Plan.Sabotage) -> String {
        switch sabotage {
        case .requestForgotten: "an accepted request is lost"
        case .serviceForgotten: "lost: of local service"
        case .rolloutParted: "has ended a rollout that goes on elsewhere"
        case .shareForgotten: "an accepted request is lost"
        case .spreadForgotten: "the cluster's SPREAD is"
        case .historyForgotten: "is forgotten"
        case .taskExpiredEarly: "the accepted task"
        case .assignmentForgotten: "leaves before its assignment is stored"
        case .taskForgotten: "the accepted task"
        case .taskEndChanged: "the recorded end of task"
        case .operationForgotten: "is not on record"
        case .reasonsForgotten: "without a reason"
        case .storeFenceIgnored: "the store takes a batch of an old leader"
        case .restorationConfirmed: "before the restored state was confirmed"
        case .effectsInDoubt: "leaves before its assignment is stored"
        case .straysKept: "should not be there"
        case .taskSentTwice: "leaves for"
        case .startedTooMany: "starts although"
        case .replacedTooEarly: "falls below"
        case .movedTooEarly: "falls below"
        case .makesWayTooEarly: "falls below"
        case .stoppedTooMany: "and only"
        case .placedOnAbsent: "which is"
        case .placedOnUnready: "which waits for"
        case .policyIgnored: "does not permit it"
        case .spreadIgnored: "and another place has"
        case .loadIgnored: "where nothing is free"
        case .stopsWithheld: "does not end: "
        case .taskCommandsWithheld: "does not end"
        case .otherKeysTaken: "for another state folder"
        case .troublesForged: "and there is room"
        case .containerDoubled: "runs twice"
        case .staleFencesTaken: "obeys an old epoch's"
        case .repairedUngathered: "where some may run, was heard"
        case .epochForged: "a STOP leaves before every member has acknowledged"
        case .capacityForged: "and its share of"
        case .probesForged: "is cut, and it is not named"
        case .exitCodeChanged: "which it did not"
        case .acceptedUnwritten: "before it is in its journal"
        case .fenceUnwritten: "forgot command"
        case .endUnwritten: "is reported to have ended, and the journal"
        case .stopOfUnknownUnwritten: "acknowledged the STOP"
        case .coresBookedTwice: "core "
        case .portsBookedTwice: "port "
        case .endedStartedAgain: "ended for the controller, and its container runs"
        case .taskRunAgain: "is started twice"
        case .removalsIgnored: "should not be there"
        case .restartMoved: "restarts in place with other"
        case .foreignRemoved: "is not ours"
        case .healthyStoppedLeaderless: "without a leader, and it is healthy"
        case .exitsIgnored: "it does not come right: task"
        }
    }

    /// A bound, not what is needed: most are found by the first seeds.
    static let seeds = 120

    @Test(arguments: Plan.Sabotage.allCases)
    func `a defect is found`(sabotage: Plan.Sabotage) async {
        var found: Set<String> = []
        for plan in Plan.fixed(Self.seeds) {
            var plan = plan
            plan.sabotage = sabotage
            var world = World(plan)
            guard let violation = world.run().violation else { continue }
            if violation.contains(Self.text(for: sabotage)) { return }
            found.insert(violation)
        }
        Issue.record("\(sabotage) was not found; found instead: \(found.sorted())")
    }
}
