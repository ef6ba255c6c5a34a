/// How an instance's health or readiness is found out.
package struct CheckSpec: SpecPart {
    package var mode: CheckMode
    /// Of one try.
    package var timeout: DurationText
    /// Between tries.
    package var interval: DurationText
    /// 1 to 100 tries.
    package var attempts: Int
    /// None if absent.
    package var initialDelay: DurationText?

    package init(
        mode: CheckMode,
        timeout: DurationText,
        interval: DurationText,
        attempts: Int,
        initialDelay: DurationText? = nil
    ) {
        self.mode = mode
        self.timeout = timeout
        self.interval = interval
        self.attempts = attempts
        self.initialDelay = initialDelay
    }

    package init(_ reader: SpecReader) {
        self.init(
            mode: reader.part("mode"),
            timeout: reader.duration("timeout"),
            interval: reader.duration("interval"),
            attempts: Int(reader.integer("attempts", in: 1...100)),
            initialDelay: reader.duration("initialDelay")
        )
    }

    package var json: JSON {
        .members([
            "mode": mode.json, "timeout": timeout.json, "interval": interval.json,
            "attempts": .integer(Int64(attempts)), "initialDelay": initialDelay?.json,
        ])
    }
}
