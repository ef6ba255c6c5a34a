import ApusExecutor
import ApusModel
import Testing

@Suite(.timeLimit(.minutes(1)))
struct CommandDeskTests {
    private let leader = Leader()

    @Test func `a command that nobody decides on is late`() async {
        let desk = CommandDesk(inbox: Inbox(), deadline: .milliseconds(20))
        #expect(await desk.take(leader.command(.stop(InstanceID("AI-1"), .replaced))) == .late)
    }

    @Test func `beyond its bound commands are turned away, and later ones are taken again`() async {
        let desk = CommandDesk(inbox: Inbox(), limit: 3, deadline: .seconds(10))
        let replies = await withTaskGroup(of: CommandDesk.Reply.self) { group in
            for _ in 0..<10 {
                group.addTask { await desk.take(leader.command(.stop(InstanceID("AI-1"), .replaced))) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(replies.count { $0 == .busy } == 7)
        #expect(replies.count { $0 == .late } == 3)
        // Of a bound of one, the second finds room because the first has given up its place.
        let small = CommandDesk(inbox: Inbox(), limit: 1, deadline: .milliseconds(20))
        for _ in 0..<2 {
            #expect(await small.take(leader.command(.stop(InstanceID("AI-1"), .replaced))) == .late)
        }
    }
}
