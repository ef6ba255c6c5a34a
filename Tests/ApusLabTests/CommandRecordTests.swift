import ApusLab
import ApusModel
import Foundation
import Testing

/// What journals tell of commands, and when that shows two leaders.
struct CommandRecordTests {
    @Test func `of a journal each command is found with its fence, and nothing else is taken for one`() throws {
        let journal = """
            00000000 {"journal":"apus-executor","schema":1}
            00000000 {"schema":1,"kind":"FENCE","fence":{"epoch":2,"sequence":0}}
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-1","reason":"SURPLUS","at":1000}
            00000000 {"schema":1,"kind":"FENCE","fence":{"epoch":2,"sequence":7}}
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-2","reason":"SURPLUS","at":2000}
            00000000 {"schema":1,"kind":"FENCE","fence":{"epoch":3,"sequence":0}}
            00000000 {"schema":1,"kind":"FORGOTTEN","id":"AI-1"}
            00000000 {"schema":1,"ki
            """
        let found = try CommandRecord.entries(of: "a", in: Data(journal.utf8))
        #expect(found == [stop(by: "a", 2, 7, at: 1000)])
    }

    @Test func `a command that was taken without a fence is a fault, and what was written anew is none`() throws {
        let journal = """
            00000000 {"journal":"apus-executor","schema":1}
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-0","reason":"SURPLUS","at":1000}
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-1","reason":"SURPLUS","at":1000}
            00000000 {"schema":1,"kind":"FENCE","fence":{"epoch":3,"sequence":4}}
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-1","reason":"SURPLUS","at":1000}
            00000000 {"schema":1,"kind":"FENCE","fence":{"epoch":3,"sequence":5}}

            """
        #expect(try CommandRecord.entries(of: "a", in: Data(journal.utf8)) == [stop(by: "a", 3, 5, at: 1000)])
        let late = """
            00000000 {"schema":1,"kind":"STOP_TOLD","id":"AI-1","reason":"SURPLUS","at":1000}
            00000000 {"schema":1,"kind":"FORGOTTEN","id":"AI-9"}

            """
        let entries = try CommandRecord.entries(of: "a", in: Data((journal + late).utf8))
        #expect(CommandRecord(entries).faults.count == 1)
    }

    @Test func `a journal that cannot be read is no record`() {
        #expect(throws: (any Error).self) { try CommandRecord(of: [("a", "/nonexistent/journal")]) }
    }

    @Test func `what a later record lacks is told, unless the journal was written anew`() {
        let (first, second) = (stop(by: "a", 1, 1, at: 1), stop(by: "a", 1, 2, at: 2))
        let earlier = CommandRecord([first, second], files: ["a": 7])
        #expect(CommandRecord([first], files: ["a": 7]).lacks(of: earlier) == [second])
        #expect(CommandRecord([first], files: ["a": 8]).lacks(of: earlier).isEmpty)
    }

    @Test func `commands of one leader after the other are no fault, not even one that was on its way`() {
        let entries = [
            stop(by: "a", 1, 1, at: 1000), stop(by: "a", 1, 2, at: 1000), stop(by: "a", 2, 1, at: 5000),
            stop(by: "b", 1, 1, at: 7900), stop(by: "b", 2, 1, at: 9000),
        ]
        #expect(CommandRecord(entries).faults.isEmpty)
    }

    @Test func `an executor that goes back to an earlier leader, or takes a command twice, is a fault`() {
        #expect(CommandRecord([stop(by: "a", 2, 1, at: 1), stop(by: "a", 1, 9, at: 2)]).faults.count == 1)
        #expect(CommandRecord([stop(by: "a", 2, 1, at: 1), stop(by: "a", 2, 1, at: 2)]).faults.count == 1)
    }

    @Test func `an executor that takes a command long after another one has heard the next leader is a fault`() {
        #expect(CommandRecord([stop(by: "b", 1, 1, at: 8001), stop(by: "a", 2, 1, at: 5000)]).faults.count == 1)
    }

    private func stop(
        by executor: String,
        _ epoch: Epoch,
        _ sequence: Int64,
        at time: Int64
    ) -> CommandRecord.Entry {
        CommandRecord.Entry(
            executor: executor,
            instance: InstanceID("AI-1"),
            order: .stop,
            fence: Fence(epoch: epoch, sequence: sequence),
            time: WallTime(milliseconds: time)
        )
    }
}
