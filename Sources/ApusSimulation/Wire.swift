import ApusAgent
import ApusModel

/// Every message and every journal goes through its JSON form, as it does in production.
enum Wire {
    static func carry(_ report: NodeReport) throws(JSONError) -> NodeReport {
        try NodeReport(json: JSON(parsing: report.json.bytes))
    }

    static func carry(_ answer: ReportAnswer) throws(JSONError) -> ReportAnswer {
        try ReportAnswer(json: JSON(parsing: answer.json.bytes))
    }

    static func carry(_ command: NodeCommand) throws(JSONError) -> NodeCommand {
        try NodeCommand(json: JSON(parsing: command.json.bytes))
    }

    static func carry(_ answer: CommandAnswer) throws(JSONError) -> CommandAnswer {
        try CommandAnswer(json: JSON(parsing: answer.json.bytes))
    }

    static func carry(_ records: [JournalRecord]) throws(JSONError) -> [JournalRecord] {
        var read: [JournalRecord] = []
        for record in records { read.append(try JournalRecord(json: JSON(parsing: record.json.bytes))) }
        return read
    }
}

extension World {
    /// What arrives of what was sent; a form that does not hold all of it is a violation.
    ///
    /// What tells nothing new looks like the one before it: only some of those are taken through their form.
    mutating func carried<Message: Equatable>(
        _ message: Message,
        isNews: Bool = true,
        by carry: (Message) throws(JSONError) -> Message
    ) -> Message {
        if !isNews {
            heartbeats += 1
            guard heartbeats.isMultiple(of: 8) else { return message }
        }
        do {
            let arrived = try carry(message)
            if arrived != message { oracle.violated("the JSON form of a \(Message.self) does not hold all of it") }
            return arrived
        } catch {
            oracle.violated("the JSON form of a \(Message.self) cannot be read: \(error.message)")
            return message
        }
    }
}
