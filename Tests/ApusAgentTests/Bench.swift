import ApusAgent
import ApusModel

extension TransitionTests {
    /// An agent stepped by hand, with the last job it asked for.
    struct Bench {
        var agent: Agent
        var now = Moment(nanoseconds: 0)
        var attempt = 0
        var job: Job?
        var cancelled: [Int] = []
        var actions: [AgentAction] = []
        /// It answers every report before the next event.
        var hasLeader: Bool
        private var unanswered: (number: Int, revision: Int64)?

        init(_ spec: InstanceSpec = instanceSpec(), hasLeader: Bool = true) {
            self.hasLeader = hasLeader
            let times = Times(now: now, wall: WallTime(milliseconds: 0))
            agent = Agent(identity: Rig.identity, description: Rig.description, replaying: [], at: times)
            step(.tick)
            step(.inventory([], number: 1))
            step(.command(Self.command(.start(spec), 1), reply: 1))
        }

        static func command(_ order: NodeCommand.Order, _ sequence: Int64) -> NodeCommand {
            NodeCommand(
                cluster: Rig.identity.cluster,
                executor: Rig.identity.id,
                key: Rig.identity.key,
                fence: Fence(epoch: 1, sequence: sequence),
                order: order
            )
        }

        var state: InstanceState? { agent.instances.first?.state }
        var cause: EndCause? { agent.instances.first?.cause }
        var error: String { agent.instances.first?.error ?? "" }

        mutating func step(_ event: AgentEvent) {
            while hasLeader, let (number, revision) = unanswered {
                unanswered = nil
                let answer = ReportAnswer(
                    verdict: .applied,
                    epoch: 1,
                    canCommit: true,
                    applied: revision,
                    settled: [],
                    reason: ""
                )
                feed(.reportAnswered(answer, number: number))
            }
            feed(event)
        }

        private mutating func feed(_ event: AgentEvent) {
            actions = agent.step(event, at: Times(now: now, wall: WallTime(milliseconds: now.nanoseconds / 1_000_000)))
            for action in actions {
                if case .perform(_, let attempt, let job) = action { (self.attempt, self.job) = (attempt, job) }
                if case .cancel(_, let attempt) = action { cancelled.append(attempt) }
                if case .report(let report, let number) = action { unanswered = (number, report.revision) }
            }
        }

        mutating func outcome(_ outcome: Outcome) {
            job = nil
            step(.outcome(one, attempt: attempt, outcome))
        }

        mutating func wait(_ span: Duration) {
            now = now + span
            step(.tick)
        }

        mutating func stop() { step(.command(Self.command(.stop(one, .scaledDown), 2), reply: 2)) }

        /// Brings it to a state by the shortest way.
        mutating func reach(_ state: InstanceState) {
            for outcome in [Outcome.pulled, .created(ContainerID("c"), []), .started, .passed, .passed]
            where self.state != state {
                self.outcome(outcome)
            }
        }
    }
}
