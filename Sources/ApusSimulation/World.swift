import ApusAgent
import ApusEngine
package import ApusModel

/// One controller, its store, some executors and their containers, a network, clients: on one virtual clock.
///
/// A run is a function of its plan: the same plan gives the same trace in every process.
package struct World: Sendable {
    let plan: Plan
    let cluster = ClusterID("cluster-1")
    var agenda = Agenda<Event>()
    var chances: Chances
    var profile: Profile
    var hits = Hits()
    /// How many operations of each kind, and tasks, the store says are under way.
    var underWay: [Work: Int] = [:]
    var trace = Trace()
    var oracle: Oracle
    var controller = SimulatedController()
    var executors: [SimulatedExecutor] = []
    /// What clients may ask for.
    var specs: [ApplicationSpec] = []
    var serviceSpecs: [LocalServiceSpec] = []
    /// Applications whose containers end soon after their start.
    var crashLoops: Set<AppID> = []
    /// Tasks that clients asked for, oldest first.
    var tasks: [TaskID] = []
    let terrain: Terrain
    /// Nothing passes these.
    var cuts: Set<Flow> = []
    /// Those of them that cut off this leader alone.
    var cutsOfLeader: Set<Flow> = []
    /// When the last message on a link arrives.
    var lastArrivals: [Link: Moment] = [:]
    /// Messages that told nothing new.
    var heartbeats = 0
    /// What the store held when it was exported.
    var exported: SimulatedStore?
    /// When the leader's decisions were last looked at.
    var checkedDecisions = Moment.zero
    var isCalm = false
    var calmSince = Moment.zero
    var convergedAt: Moment?
    var containersStarted = 0
    /// Those whose outcome was counted.
    var operationsEnded: Set<String> = []
    /// The record of a task that has ended, for sabotage.
    var endedTask: (key: RecordKey, record: JSON)?
    private var steps = 0

    package init(_ plan: Plan) {
        self.plan = plan
        chances = Chances(seed: plan.seed)
        profile = plan.isRandom ? Profile(drawing: &chances.profile) : .calm
        terrain = Terrain(drawing: &chances.profile, plan)
        oracle = Oracle(terrain.retention)
        // When every second counts a clock that is turned would end too much or too little.
        if terrain.retention.isShort { profile.mischief.removeAll { $0 == .turnControllerClock } }
        for index in 0..<terrain.count { executors.append(drawExecutor(index)) }
        if terrain.hasServices { serviceSpecs = World.serviceSpecs(drawing: &chances.profile) }
        let policies = policies
        specs = World.specs(drawing: &chances.profile, isRandom: plan.isRandom, policies)
    }

    /// Runs to the end, or to the first violation.
    ///
    /// - Parameter echo: given each line of the trace as it comes.
    /// - Returns: what came of it.
    package mutating func run(echo: (@Sendable (String) -> Void)? = nil) -> RunResult {
        trace.echo = echo
        begin()
        while oracle.violation == nil, let event = agenda.next() {
            steps += 1
            perform(event)
            if let convergedAt, agenda.now - convergedAt > World.watchAfterwards { break }
        }
        return RunResult(
            seed: plan.seed,
            steps: steps,
            executors: executors.count,
            span: agenda.now - .zero,
            hash: trace.hash,
            hits: hits,
            violation: oracle.violation,
            lastEvents: trace.tail,
            convergence: convergedAt.map { $0 - calmSince },
            commits: controller.commits,
            channelsNamed: oracle.channelsNamed,
            containersStarted: containersStarted
        )
    }

    private mutating func begin() {
        for executor in executors { agenda.add(.executorStarts(executor.index), after: .zero) }
        agenda.add(.controllerStarts, after: .milliseconds(1))
        agenda.add(.calm, after: plan.chaos)
        agenda.add(.audit, after: .seconds(5))
        for index in plan.script.indices { agenda.add(.scripted(index), after: plan.script[index].after) }
        guard plan.isRandom else { return }
        agenda.add(.clientActs, after: .seconds(1))
        agenda.add(.mischief, after: .seconds(3))
        agenda.add(.operatorActs, after: .seconds(20))
        planRestore()
        if terrain.hasServices { agenda.add(.serviceClientActs, after: .seconds(2)) }
        if let doomed = terrain.doomed {
            agenda.add(.machineDies(doomed), after: chances.profile.milliseconds(10_000...500_000))
        }
    }

    mutating func note(_ text: String) { trace.note(agenda.now, text) }

    private mutating func perform(_ event: Event) {
        switch event {
        case .controllerStarts, .controllerTicks, .controllerWakes, .controllerFalls, .commitEnds, .requestArrives,
            .reportArrives, .commandAnswered, .commandFails, .probeAnswered, .probeFails, .standbysSeen, .deposedWakes,
            .deposedTicks, .deposedCommits, .deposedLeaves:
            performAtController(event)
        case .executorStarts, .executorFalls, .executorContinues, .outcomeKnown, .agentTicks, .journalWritten,
            .commandArrives, .replyArrives, .probeArrives,
            .reportFails, .jobEnds, .jobGivenUp, .inventoryEnds, .programEnds, .streamOpens, .exitSeen:
            performAtExecutor(event)
        case .clientActs: clientActs()
        case .serviceClientActs: serviceClientActs()
        case .operatorActs: operatorActs()
        case .storeExported: exportStore()
        case .storeRestored: restoreStore()
        case .scripted(let index): act(plan.script[index].act)
        case .mischief: doMischief()
        case .machineDies(let index): loseMachine(index)
        case .heals(let ailment): heal(ailment)
        case .calm: becalm()
        case .inspect: inspect()
        case .audit: audit()
        }
    }
}

/// What came of one run.
package struct RunResult: Sendable {
    package let seed: UInt64
    package let steps: Int
    package let executors: Int
    /// In virtual time.
    package let span: Duration
    /// Of the whole trace.
    package let hash: UInt64
    package let hits: Hits
    /// The first thing that did not hold; `nil` if all held.
    package let violation: String?
    /// Of the trace, oldest first.
    package let lastEvents: [String]
    /// From the end of the faults until all was as it should be.
    package let convergence: Duration?
    /// Commits that the controllers tried.
    package let commits: Int
    /// How often a channel was found named that was cut.
    package let channelsNamed: [NodeChannel: Int]
    /// Starts of containers, repeated ones included.
    package let containersStarted: Int

    /// For people: what failed, where, and what went before.
    package var failure: String? {
        guard let violation else { return nil }
        return (["seed \(seed), step \(steps): \(violation)", "the last events:"] + lastEvents)
            .joined(separator: "\n")
    }
}
