/// What is done before a container is stopped: the hooks in order, then the wait.
package struct PreShutdownSpec: SpecPart {
    package var hooks: [CheckMode]
    /// None if absent, at most an hour.
    package var waitBeforeKill: DurationText?

    package init(hooks: [CheckMode] = [], waitBeforeKill: DurationText? = nil) {
        self.hooks = hooks
        self.waitBeforeKill = waitBeforeKill
    }

    package init(_ reader: SpecReader) {
        let wait = reader.duration("waitBeforeKill")
        let longest = SpecLimits.longestWaitBeforeKill
        if let wait, wait.duration > longest.duration {
            reader.refuse("waitBeforeKill", "must be at most \(longest.text), not \(wait.text)")
        }
        self.init(hooks: reader.parts("hooks"), waitBeforeKill: wait)
    }

    package var json: JSON {
        .members(["hooks": .array(hooks.map(\.json)), "waitBeforeKill": waitBeforeKill?.json])
    }
}
