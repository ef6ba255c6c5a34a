import ApusModel

/// What a look at the containers tells an instance.
extension InstanceMachine {
    /// `found` are the containers that bear its id; `asked` is when the look was asked for.
    mutating func seen(_ found: [FoundContainer], asked: Moment, _ out: inout Outbox) {
        let own = Self.own(among: found, recorded: container)
        switch phase {
        case .recovering:
            recover(own, &out)
            discard(found.filter { $0.container != own?.container }, as: AgentNote.duplicate, &out)
        case .provisioning, .creating:
            // Which of them is its container is not known before the job's outcome.
            break
        case .ended(let since):
            if since <= asked { discard(found, as: AgentNote.leftover, &out) }
        case .starting, .waiting, .stopping, .removing:
            discard(found.filter { $0.container != container }, as: AgentNote.duplicate, &out)
        case .unready, .ready, .healthy:
            discard(found.filter { $0.container != container }, as: AgentNote.duplicate, &out)
            guard certainSince <= asked else { return }
            guard let own, own.container == container else { return failGone(&out) }
            if case .exited(let code, let outOfMemory) = own.state {
                failExited(Exit(container: own.container, code: code, outOfMemory: outOfMemory), &out)
            }
        }
    }

    private mutating func recover(_ own: FoundContainer?, _ out: inout Outbox) {
        guard let own else { return recoverWithoutContainer(&out) }
        take(own, out)
        certainSince = out.now
        var state = own.state
        // Seen to exit after the look was asked for; nobody starts a container again.
        if let exit, exit.container == own.container {
            state = .exited(code: exit.code, outOfMemory: exit.outOfMemory)
        }
        switch state {
        case .created:
            if cause != nil { takeDown(isRunning: false, &out) } else { start(&out) }
        case .running, .other:
            if cause != nil { takeDown(isRunning: true, &out) } else { beginReadiness(skippingDelays: true, out) }
        case .exited(let code, let outOfMemory):
            failExited(Exit(container: own.container, code: code, outOfMemory: outOfMemory), &out)
        }
    }

    private mutating func recoverWithoutContainer(_ out: inout Outbox) {
        if container != nil {
            failGone(&out)
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
