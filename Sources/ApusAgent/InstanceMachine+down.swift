import ApusModel

/// The course of the hooks before a stop (contract §3.4).
///
/// After a crash of the executor the way down begins again, hooks included: which of them were through is not
/// recorded, and a hook told twice is better than one never told.
struct HookCourse: Hashable, Sendable {
    var index: Int
    var tries = 0
    var next: Moment
    /// This hook gets no more time than that.
    var until: Moment

    init(index: Int, at now: Moment) {
        self.index = index
        next = now
        until = now + Self.span
    }

    /// Of an HTTP hook; a command is run once.
    static let tries = 5
    static let pause = Duration.seconds(3)
    static let span = Duration.seconds(30)
}

/// The way down: hooks, wait, stop, remove, end.
extension InstanceMachine {
    mutating func fail(
        _ state: InstanceState,
        _ cause: EndCause,
        _ error: String,
        isRunning: Bool,
        _ out: inout Outbox
    ) {
        if self.cause == nil {
            self.cause = cause
            self.error = error
            failedState = state
            mark = nil
            trouble = ""
        }
        takeDown(isRunning: isRunning, &out)
    }

    /// The way down, from wherever it is; of one that does not run only the removal is left.
    mutating func takeDown(isRunning: Bool, _ out: inout Outbox) {
        abandonFlight(&out)
        guard container != nil else { return finish(out) }
        if !isRunning {
            phase = .removing(Backoff(at: out.now))
            tryRemove(&out)
        } else if hooks.isEmpty {
            waitAndStop(&out)
        } else {
            tryHook(HookCourse(index: 0, at: out.now), &out)
        }
    }

    private mutating func waitAndStop(_ out: inout Outbox) {
        if waitBeforeKill > .zero {
            phase = .waiting(until: out.now + min(waitBeforeKill, Self.longestWait))
        } else {
            stop(&out)
        }
    }

    // MARK: hooks

    mutating func tryHook(_ course: HookCourse, _ out: inout Outbox) {
        var course = course
        course.tries += 1
        phase = .hooks(course)
        perform(hooks[course.index], timeout: max(course.until - out.now, .seconds(1)), &out)
    }

    mutating func hookFailed(_ failure: JobFailure, _ course: HookCourse, _ out: inout Outbox) {
        let again = out.now + HookCourse.pause
        if case .http = hooks[course.index], course.tries < HookCourse.tries, again < course.until {
            var course = course
            course.next = again
            phase = .hooks(course)
            return
        }
        if error.isEmpty {
            error = "pre-shutdown hook \(course.index + 1) of \(hooks.count) failed: \(failure.reason)"
        }
        hooksContinue(after: course, &out)
    }

    mutating func hooksContinue(after course: HookCourse, _ out: inout Outbox) {
        let next = course.index + 1
        guard next < hooks.count else { return waitAndStop(&out) }
        tryHook(HookCourse(index: next, at: out.now), &out)
    }

    // MARK: stop and removal

    mutating func stop(_ out: inout Outbox) {
        phase = .stopping(Backoff(at: out.now))
        tryStop(&out)
    }

    mutating func tryStop(_ out: inout Outbox) {
        guard let container else { return }
        // A task is killed.
        let grace: Duration = isTask ? .zero : Self.stopGrace
        launch(.stop(container, grace: grace), within: grace + .seconds(90), &out)
    }

    mutating func tryRemove(_ out: inout Outbox) {
        guard let container else { return }
        // Only the container knows a task's result, so the journal must before it goes.
        if isTask, let cause, case .exited = cause { out.records.append(.completed(id, cause, error: error)) }
        launch(.remove(container), within: .seconds(90), &out)
    }

    mutating func finish(_ out: Outbox) {
        phase = .ended(since: out.now)
        trouble = ""
        // Kept for an hour, but not its specification.
        spec = nil
        hooks = []
        exit = nil
    }

    mutating func leftoverOutcome(_ outcome: Outcome, _ leftover: ContainerID, _ out: Outbox) {
        if outcome == .removed {
            leftovers.removeAll { $0 == leftover }
            leftoverRetry = Backoff(at: out.now)
        } else {
            leftoverRetry.postpone(from: out.now)
        }
    }
}
