/// What is done before a container is stopped: the hooks in order, then the wait.
package struct PreShutdownSpec: SpecPart {
    package var hooks: [CheckMode]
    /// None if absent.
    package var waitBeforeKill: DurationText?

    package init(hooks: [CheckMode] = [], waitBeforeKill: DurationText? = nil) {
        self.hooks = hooks
        self.waitBeforeKill = waitBeforeKill
    }

    package init(_ reader: SpecReader) {
        self.init(hooks: reader.parts("hooks"), waitBeforeKill: reader.duration("waitBeforeKill"))
    }

    package var json: JSON {
        .members(["hooks": .array(hooks.map(\.json)), "waitBeforeKill": waitBeforeKill?.json])
    }
}
