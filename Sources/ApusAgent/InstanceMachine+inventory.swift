import ApusModel

/// What a look at the containers tells an instance.
extension InstanceMachine {
    /// How long after the first look that the container engine answered a task's container is started.
    ///
    /// It is if its start may have been asked for, and a look so much later shows it still not started: an engine that
    /// hung has yet to carry out what it was asked for when it comes to itself, and a quick task would run twice.
    static let lateStart = Duration.seconds(15)

    /// `found` are the containers that bear its id; `asked` is when the look was asked for.
    mutating func seen(_ found: [FoundContainer], asked: Moment, _ out: inout Outbox) {
        let own = Self.own(among: found, recorded: container)
        switch phase {
        case .recovering:
            recover(own, asked: asked, &out)
            discard(found.filter { $0.container != own?.container }, as: AgentNote.duplicate, &out)
            return
        case .provisioning, .creating:
            // Which of them is its container is not known before the job's outcome.
            return
        case .ended(let since):
            if since <= asked { discard(found, as: AgentNote.leftover, &out) }
            return
        default: break
        }
        discard(found.filter { $0.container != container }, as: AgentNote.duplicate, &out)
        let present = own?.container == container ? own : nil
        switch phase {
        case .unclear(let since):
            if since <= asked { recover(present, asked: asked, &out) }
        case .running, .unready, .ready, .healthy:
            if certainSince <= asked, let ending = ending(of: present) { ended(ending, &out) }
        case .undecided, .resting:
            if certainSince <= asked, present == nil { isGone = true }
        case .hooks, .waiting:
            if certainSince <= asked, ending(of: present) != nil { takeDown(isRunning: false, &out) }
        default: break
        }
    }

    private func ending(of own: FoundContainer?) -> Ending? {
        guard let own else { return .gone }
        guard case .exited(let code, let outOfMemory) = own.state else { return nil }
        return .exited(Exit(container: own.container, code: code, outOfMemory: outOfMemory))
    }

    private mutating func recover(_ own: FoundContainer?, asked: Moment, _ out: inout Outbox) {
        guard let own else { return recoverWithoutContainer(&out) }
        let wasRecorded = container != nil
        take(own, out)
        // The record of it did not survive: its ports are to be kept even if it goes. A task's is recorded at its start.
        if !wasRecorded, !isTask { out.facts.append(.container(id, own.container, ports)) }
        certainSince = out.now
        var state = own.state
        // Seen to exit after the look was asked for.
        if let exit, exit.container == own.container {
            state = .exited(code: exit.code, outOfMemory: exit.outOfMemory)
        }
        switch state {
        case .created:
            if cause != nil { return takeDown(isRunning: false, &out) }
            guard spec != nil else {
                // A START is journalled before its container is made, so nobody waits for this one.
                let text = "its container had never been started, and nobody asked for it"
                return fail(.startFailed, .refused, text, isRunning: false, &out)
            }
            // One that is not recorded was never asked to start.
            if isTask, wasRecorded {
                let first = idleSince ?? out.now
                idleSince = first
                guard first + Self.lateStart <= asked else { return }
            }
            trouble = ""
            start(&out)
        case .running, .other:
            trouble = ""
            if cause != nil { takeDown(isRunning: true, &out) } else { runs(skippingDelays: true, out) }
        case .exited(let code, let outOfMemory):
            trouble = ""
            ended(.exited(Exit(container: own.container, code: code, outOfMemory: outOfMemory)), &out)
        }
    }

    private mutating func recoverWithoutContainer(_ out: inout Outbox) {
        trouble = ""
        if container != nil {
            ended(.gone, &out)
        } else if cause != nil {
            takeDown(isRunning: false, &out)
        } else {
            begin(&out)
        }
    }

    private mutating func take(_ own: FoundContainer, _ out: Outbox) {
        container = own.container
        guard case .ours(let labels) = own.labels else { return }
        ports = labels.ports
        if spec == nil {
            readiness = labels.readiness
            health = labels.health
            hooks = labels.hooks
            waitBeforeKill = labels.waitBeforeKill?.duration ?? .zero
            epoch = labels.epoch
        }
    }

    private mutating func discard(
        _ found: [FoundContainer],
        as note: (InstanceID, ContainerID) -> AgentNote,
        _ out: inout Outbox
    ) {
        for other in found where !leftovers.contains(other.container) {
            if leftovers.isEmpty { leftoverRetry = Backoff(at: out.now) }
            leftovers.append(other.container)
            out.actions.append(.note(note(id, other.container)))
        }
    }

    /// The recorded one; else the one that is furthest along, so that a running container is kept.
    static func own(among found: [FoundContainer], recorded: ContainerID?) -> FoundContainer? {
        if let own = found.first(where: { $0.container == recorded }) { return own }
        func rank(_ state: FoundContainer.State) -> Int {
            switch state {
            case .running: 0
            case .other: 1
            case .created: 2
            case .exited: 3
            }
        }
        return found.min { (rank($0.state), $0.container) < (rank($1.state), $1.container) }
    }
}
