package import ApusAgent
package import ApusModel
package import Logging
import NIOCore
import NIOPosix

/// The one consumer of all that happens: tells the agent, in order, and sets going what it decides.
///
/// The agent's state lives in `run` alone. What takes time (jobs, writes, reports, inventories) runs beside it and
/// comes back through the inbox.
package struct AgentLoop: Sendable {
    /// Sends a report to the leader.
    package typealias Send = @Sendable (NodeReport) async throws -> ReportAnswer

    /// Against a deadline that the agent does not move on from.
    private static let shortestTick = Duration.milliseconds(1)

    private let start: AgentTurn
    private let journal: Journal
    private let disk: DiskThread
    private let performer: JobPerformer
    private let inventory: Inventory
    private let desk: CommandDesk
    private let inbox: Inbox
    private let images: ImageKeeper?
    private let logs: LogCapture?
    private let numbers: ExecutorNumbers?
    private let containers: ContainerBook?
    private let send: Send
    private let logger: Logger
    /// For tests: see `TransitionCrash`.
    private let crash: TransitionCrash?

    package init(
        agent: Agent,
        journal: Journal,
        disk: DiskThread,
        engine: any ContainerEngine,
        performer: JobPerformer,
        desk: CommandDesk,
        inbox: Inbox,
        images: ImageKeeper? = nil,
        logs: LogCapture? = nil,
        numbers: ExecutorNumbers? = nil,
        containers: ContainerBook? = nil,
        logger: Logger,
        send: @escaping Send
    ) {
        start = AgentTurn(agent)
        self.journal = journal
        self.disk = disk
        self.performer = performer
        inventory = Inventory(engine: engine, cluster: agent.identity.cluster, executor: agent.identity.id)
        self.desk = desk
        self.inbox = inbox
        self.images = images
        self.logs = logs
        self.numbers = numbers
        self.containers = containers
        self.send = send
        self.logger = logger
        crash = .asked(logger)
    }

    /// One job under way, by instance and attempt.
    private struct JobKey: Hashable {
        var instance: InstanceID
        var attempt: Int
    }

    private struct State {
        var turn: AgentTurn
        /// Finishing the stream gives the job up.
        var jobs: [JobKey: AsyncStream<Never>.Continuation] = [:]
        var timer: Scheduled<Void>?
        var timerAt: Moment?
        /// What an inventory has found may not be followed yet: the agent looks at it when a record is written.
        var isFoundUnfollowed = false
        /// Images may have lost their last user: they are looked at when a record is written.
        var isSweepDue = false
    }

    /// Runs until the task is cancelled; containers are left as they are.
    package func run() async {
        await withDiscardingTaskGroup { group in
            var state = State(turn: start)
            await inbox.send(.tick)
            for await input in inbox.inputs {
                let actions = take(input, &state)
                sweepImages(&state, &group)
                crash?.stepped(state.turn)
                perform(actions, &state, &group)
                crash?.performed(state.turn)
                setTimer(&state)
            }
            state.timer?.cancel()
            inbox.close()
            group.cancelAll()
        }
    }

    private func take(_ input: Inbox.Input, _ state: inout State) -> [AgentAction] {
        let times = Times.current
        defer { followFound(&state) }
        switch input {
        case .event(let event):
            if case .outcome(let id, let attempt, _) = event {
                state.jobs[JobKey(instance: id, attempt: attempt)] = nil
            }
            defer { followOutput(after: event, &state) }
            maySweep(after: event, &state)
            numbers?.stats.hear(event)
            return state.turn.take(event, at: times)
        case .recorded: return state.turn.recorded(at: times)
        case .recordFailed(let reason): return state.turn.recordFailed(reason: reason, at: times)
        }
    }

    /// With a container its image may have lost its last user; what ended otherwise shows at every sixth look at the
    /// containers.
    private func maySweep(after event: AgentEvent, _ state: inout State) {
        switch event {
        case .outcome(_, attempt: _, .removed): state.isSweepDue = true
        case .inventory(_, let number) where number % 6 == 1: state.isSweepDue = true
        default: break
        }
    }

    /// Not while a record is being written: until then what it is about counts as not having happened.
    private func sweepImages(_ state: inout State, _ group: inout DiscardingTaskGroup) {
        guard state.isSweepDue, !state.turn.isRecording else { return }
        state.isSweepDue = false
        guard let images else { return }
        let living = state.turn.agent.living
        group.addTask { await images.sweep(inUse: living.images, live: living.ids) }
    }

    /// What a container writes is kept from its start, or from when it is found again.
    private func followOutput(after event: AgentEvent, _ state: inout State) {
        switch event {
        case .outcome(let id, attempt: _, .started):
            let container = state.turn.agent.container(of: id)
            if let container { containers?.note(id, container.container) }
            follow(container)
        case .inventory: state.isFoundUnfollowed = true
        default: break
        }
    }

    private func followFound(_ state: inout State) {
        guard state.isFoundUnfollowed, !state.turn.isRecording else { return }
        state.isFoundUnfollowed = false
        let found = state.turn.agent.containers
        containers?.list(Dictionary(found.map { ($0.instance, $0.container) }) { first, _ in first })
        for container in found { follow(container) }
        logs?.listed(all: state.turn.agent.hasSeenAll)
        numbers?.stats.judged(state.turn.agent.instancesByContainer)
    }

    /// What is about to be removed takes along what it has written, if nobody has followed it so far.
    private func followLast(_ job: Job, _ id: InstanceID, _ state: State) {
        guard case .remove(let container) = job, let own = state.turn.agent.container(of: id),
            own.container == container
        else { return }
        follow(own)
    }

    private func follow(_ container: LoggedContainer?) {
        guard let container else { return }
        logs?.follow(
            instance: container.instance,
            owner: container.owner,
            container: container.container,
            logging: container.logging
        )
    }

    private func perform(_ actions: [AgentAction], _ state: inout State, _ group: inout DiscardingTaskGroup) {
        for action in actions {
            switch action {
            case .record(let records): write(&group) { journal in try journal.append(records) }
            case .rewrite(let records): write(&group) { journal in try journal.rewrite(records) }
            case .perform(let id, let attempt, let job):
                followLast(job, id, state)
                begin(job, id, attempt, &state, &group)
            case .cancel(let id, let attempt): state.jobs[JobKey(instance: id, attempt: attempt)]?.finish()
            case .answer(let reply, let answer):
                if case .refused(.staleFence, let reason) = answer {
                    logger.notice("a command is refused: it came too late", metadata: ["error": "\(reason)"])
                }
                desk.deliver(answer, to: reply)
            case .report(let report, let number):
                group.addTask {
                    do {
                        await inbox.send(.reportAnswered(try await send(report), number: number))
                    } catch {
                        // The sender has told the log.
                        await inbox.send(.reportFailed(number: number))
                    }
                }
            case .takeInventory(let number):
                group.addTask { await inbox.send(await inventory.take(number: number)) }
            case .note(let note): log(note)
            }
        }
    }

    /// At most one is under way: the turn waits for its end.
    private func write(_ group: inout DiscardingTaskGroup, _ change: @escaping @Sendable (Journal) throws -> Void) {
        group.addTask {
            do {
                try await disk.run { try change(journal) }
                await inbox.send(.recorded)
            } catch {
                await inbox.send(.recordFailed(reason: "\(error)"))
            }
        }
    }

    private func begin(
        _ job: Job,
        _ id: InstanceID,
        _ attempt: Int,
        _ state: inout State,
        _ group: inout DiscardingTaskGroup
    ) {
        let (cancelled, continuation) = AsyncStream<Never>.makeStream()
        state.jobs[JobKey(instance: id, attempt: attempt)] = continuation
        let ports = portsInUse(by: job, state)
        let spec = state.turn.agent.spec(of: id)
        let progress: @Sendable (String) -> Void = { text in
            // What is told later says more.
            _ = inbox.offer(.event(.progress(id, attempt: attempt, text)))
        }
        group.addTask {
            let outcome = await withTaskGroup(of: Outcome?.self) { race in
                race.addTask { await performer.perform(job, for: id, of: spec, portsInUse: ports, progress: progress) }
                race.addTask {
                    for await _ in cancelled {}
                    return nil
                }
                // Also a job that is given up says how it ended; nobody may still be at work when its outcome is told.
                var outcome: Outcome?
                for await result in race {
                    race.cancelAll()
                    outcome = outcome ?? result
                }
                return outcome ?? .failed(JobFailure(.other, reason: "it was given up"))
            }
            numbers?.ended(job, outcome)
            await inbox.send(.outcome(id, attempt: attempt, outcome))
        }
    }

    /// What a new container's ports must differ from; the other jobs choose none.
    private func portsInUse(by job: Job, _ state: State) -> Set<Int> {
        guard case .create = job else { return [] }
        return Set(state.turn.agent.instances.filter { !$0.state.isTerminal }.flatMap { $0.ports.map(\.hostPort) })
    }

    /// One timer, at the agent's next deadline; nothing runs in between.
    private func setTimer(_ state: inout State) {
        guard let wanted = state.turn.nextDeadline else { return }
        let now = Times.current.now
        if let at = state.timerAt, at > now, at <= wanted { return }
        state.timer?.cancel()
        let at = max(wanted, now + Self.shortestTick)
        state.timerAt = at
        state.timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
            deadline: .uptimeNanoseconds(UInt64(max(at.nanoseconds, 0)))
        ) {
            // A full inbox holds events enough, and each of them sets the timer anew.
            _ = inbox.offer(.event(.tick))
        }
    }

    private func log(_ note: AgentNote) {
        switch note {
        case .damaged(let container, let name, let reason):
            logger.warning(
                "container with unsound labels is left alone",
                metadata: ["container.id": "\(container)", "container.name": "\(name)", "error": "\(reason)"]
            )
        case .adopted(let id, let container):
            logger.notice(
                "container unknown to the journal was taken in",
                metadata: ["instance.id": "\(id)", "container.id": "\(container)"]
            )
        case .duplicate(let id, let container):
            logger.warning(
                "second container of an instance is removed",
                metadata: ["instance.id": "\(id)", "container.id": "\(container)"]
            )
        case .leftover(let id, let container):
            logger.notice(
                "container of an ended instance is removed",
                metadata: ["instance.id": "\(id)", "container.id": "\(container)"]
            )
        case .startedAgain(let id, let count, let reason):
            numbers?.startedAgain()
            logger.warning(
                "container that ended is started again in place: no leader answers",
                metadata: ["instance.id": "\(id)", "instance.restarts": "\(count)", "error": "\(reason)"]
            )
        case .journalUnwritable(let reason):
            logger.error("journal cannot be written: starts are refused", metadata: ["error": "\(reason)"])
        case .journalWritable: logger.notice("journal can be written again")
        case .inventoryFailed(let reason):
            logger.warning("containers could not be listed", metadata: ["error": "\(reason)"])
        case .reportRefused(let reason):
            logger.error("leader refuses this executor", metadata: ["error": "\(reason)"])
        }
    }
}
