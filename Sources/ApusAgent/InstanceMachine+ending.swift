import ApusModel

/// How a container ended by itself.
enum Ending: Hashable, Sendable {
    case exited(InstanceMachine.Exit)
    /// It is not there any more; no code is known.
    case gone

    var cause: EndCause {
        switch self {
        case .exited(let exit): .exited(code: exit.code, outOfMemory: exit.outOfMemory)
        case .gone: .exited(code: -1, outOfMemory: false)
        }
    }

    var text: String {
        switch self {
        case .exited(let exit):
            "container exited with code \(exit.code)" + (exit.outOfMemory ? " (out of memory)" : "")
        case .gone: "its container is gone"
        }
    }
}

/// The time before a restart in place.
struct Rest: Hashable, Sendable {
    var until: Moment
    /// What it ends with if a leader comes first.
    var cause: EndCause
    var error: String
}

/// A container that ended by itself: a task's result; with a leader an instance's end, without one its restart.
extension InstanceMachine {
    mutating func ended(_ ending: Ending, _ out: inout Outbox) {
        exit = nil
        mark = nil
        if ending == .gone { isGone = true }
        if isTask { return complete(ending, &out) }
        guard cause == nil else { return takeDown(isRunning: false, &out) }
        switch out.leadership {
        case .present:
            fail(.unhealthy, ending.cause, ending.text, isRunning: false, &out)
        case .unproven:
            abandonFlight(&out)
            error = ending.text
            phase = .undecided(ending)
        case .absent:
            rest(after: ending.text, ending.cause, &out)
        }
    }

    private mutating func complete(_ ending: Ending, _ out: inout Outbox) {
        let text =
            switch ending {
            case .exited(let exit): exit.code == 0 ? "" : ending.text
            case .gone: "its container is gone, so how it ended is not known"
            }
        fail(.runCompleted, ending.cause, text, isRunning: false, &out)
    }

    /// There is no leader to decide: it will be started again in place.
    mutating func rest(after error: String, _ cause: EndCause, _ out: inout Outbox) {
        abandonFlight(&out)
        if let healthySince, healthySince + RestartLadder.steadyAfter <= out.now { ladder = RestartLadder() }
        healthySince = nil
        trouble = ""
        self.error = error
        let rest = Rest(until: out.now + ladder.climb(), cause: cause, error: error)
        phase = .resting(rest)
        if rest.until <= out.now { startAgain(after: rest, &out) }
    }

    /// The same container again or, if it is gone, another with the same ports.
    ///
    /// The decision is journalled first; while the journal cannot be written it is carried out all the same, like a
    /// STOP: all that a crash could lose then is the count.
    mutating func startAgain(after rest: Rest, _ out: inout Outbox) {
        guard !isGone || spec != nil else {
            return fail(.unhealthy, rest.cause, rest.error, isRunning: false, &out)
        }
        restarts += 1
        restartError = rest.error
        restartedAt = out.times.wall
        error = ""
        exit = nil
        out.records.append(.restarting(id, count: restarts, error: restartError, at: restartedAt))
        out.actions.append(.note(.startedAgain(id, count: restarts, reason: rest.error)))
        if isGone { begin(&out) } else { start(&out) }
    }

    /// A leader came or went.
    mutating func leadershipChanged(_ out: inout Outbox) {
        switch phase {
        case .undecided(let ending): ended(ending, &out)
        case .resting(let rest) where out.leadership == .present:
            fail(.unhealthy, rest.cause, rest.error, isRunning: false, &out)
        case .unready, .ready, .healthy:
            guard let mark, out.leadership == .present else { return }
            fail(mark.state, mark.cause, error, isRunning: true, &out)
        default: break
        }
    }
}
