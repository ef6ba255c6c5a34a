/// One thing that a look at a machine or at a cluster has found, for people.
package struct Finding: Hashable, Sendable {
    /// How bad it is.
    package enum Level: String, CaseIterable, Sendable {
        case fine = "OK"
        /// It works, and somebody should see to it.
        case warning = "WARN"
        /// It does not work, or soon will not.
        case failure = "FAIL"
    }

    package var level: Level
    /// What was looked at, in a word or two.
    package var subject: String
    package var text: String
    /// What to do; empty if nothing.
    package var advice: String

    package init(_ level: Level, _ subject: String, _ text: String, advice: String = "") {
        self.level = level
        self.subject = subject
        self.text = text
        self.advice = advice
    }

    package var json: JSON {
        .members([
            "level": .string(level.rawValue), "subject": .string(subject), "text": .string(text),
            "advice": advice.isEmpty ? nil : .string(advice),
        ])
    }
}
