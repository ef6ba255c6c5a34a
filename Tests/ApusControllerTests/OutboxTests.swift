import ApusController
import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Logging
import Testing

/// STARTs whose files are fetched first leave when these are there, and only if they are still meant.
@Suite(.timeLimit(.minutes(1))) struct OutboxTests {
    /// What a test holds in its hands.
    private struct Rig: Sendable {
        let outboxes: Outboxes
        let inbox: Inbox
        let time: ManualTime
        let sent: Recorder<NodeCommand>

        func hand(_ command: NodeCommand) { outboxes.hand(command, to: "http://node1:3000") }
    }

    private func withOutboxes(
        _ server: ScriptedServer,
        answer: @escaping @Sendable (NodeCommand) -> CommandAnswer = { _ in .accepted(nil) },
        _ body: @Sendable (Rig) async throws -> Void
    ) async throws {
        let time = ManualTime()
        let inbox = Inbox(time: time.source)
        inbox.open()
        let sent = Recorder<NodeCommand>()
        let cache = ConfigCache(time: time.source) { call in try await server.fetch(call) }
        let send: Controller.Send = { command, _ in
            sent.add(command)
            return answer(command)
        }
        let outboxes = Outboxes(
            inbox: inbox,
            outfit: Outfit(configs: cache, time: time.source),
            time: time.source,
            send: send,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        outboxes.begin(under: Term(epoch: 1, lease: .unending))
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await outboxes.run() }
            try await body(Rig(outboxes: outboxes, inbox: inbox, time: time, sent: sent))
        }
    }

    private func command(_ order: NodeCommand.Order, _ sequence: Int64) -> NodeCommand {
        NodeCommand(
            cluster: cluster,
            executor: node,
            key: NodeKey("k1"),
            fence: Fence(epoch: 1, sequence: sequence),
            order: order
        )
    }

    private func start(_ id: String, _ workload: Workload, _ sequence: Int64) -> NodeCommand {
        let allocation = ResourceAllocation(numaNode: 0, cores: [1], memoryMB: 128)
        let spec = InstanceSpec(id: InstanceID(id), workload: workload, allocation: allocation)
        return command(.start(spec), sequence)
    }

    private func sources(_ command: NodeCommand) -> [ConfigSpec.Source] {
        guard case .start(let spec) = command.order else { return [] }
        return spec.workload.configs.map(\.source)
    }

    @Test func `a server that hangs keeps no other application from starting`() async throws {
        let server = ScriptedServer(["/b.conf": [1]], holding: ["a.example"])
        try await withOutboxes(server) { rig in
            for number in 1...40 {
                let workload = fetching("A\(number)", call("a.example", "/a\(number).conf"))
                rig.hand(start("AI-\(number)", workload, Int64(number)))
            }
            rig.hand(start("AI-B", fetching("B", call("b.example", "/b.conf")), 41))
            try await eventually("the other is sent") { !rig.sent.all.isEmpty }
            #expect(rig.sent.all.map(\.instance) == [InstanceID("AI-B")])
            #expect(rig.sent.all.map(sources) == [[.inline(data: [1])]])
        }
    }

    @Test func `what is sent again while its file is fetched leaves once, as it was handed in last`() async throws {
        let server = ScriptedServer(["/a.conf": [1]], holding: ["a.example"])
        let workload = fetching("A", call("a.example", "/a.conf"))
        try await withOutboxes(server) { rig in
            for sequence in 1...5 { rig.hand(start("AI-1", workload, Int64(sequence))) }
            try await eventually("it is asked for") { !server.asked.isEmpty }
            server.release()
            try await eventually("it is sent") { !rig.sent.all.isEmpty }
            #expect(rig.sent.all.map(\.fence.sequence) == [5])
        }
        #expect(server.asked.count == 1)
    }

    @Test func `a START is not sent after the STOP of its instance`() async throws {
        let server = ScriptedServer(["/a.conf": [1]], holding: ["a.example"])
        let workload = fetching("A", call("a.example", "/a.conf"))
        try await withOutboxes(server) { rig in
            rig.hand(start("AI-1", workload, 1))
            rig.hand(start("AI-2", workload, 2))
            try await eventually("it is asked for") { !server.asked.isEmpty }
            rig.hand(command(.stop(InstanceID("AI-1"), .killed), 3))
            try await eventually("the STOP is sent") { !rig.sent.all.isEmpty }
            server.release()
            try await eventually("the other is sent") { rig.sent.all.count > 1 }
            // Whatever else was to leave has left before this.
            rig.hand(command(.stop(InstanceID("AI-3"), .killed), 4))
            try await eventually("a later one is sent") { rig.sent.all.contains { $0.fence.sequence == 4 } }
            #expect(rig.sent.all.map(\.fence.sequence) == [3, 2, 4])
        }
    }

    @Test func `a file that cannot be had is told as the answer, and nothing is sent`() async throws {
        let told = Recorder<Input>()
        try await withOutboxes(ScriptedServer([:])) { rig in
            rig.hand(start("AI-1", fetching("A", call("a.example", "/a.conf")), 7))
            try await eventually("it is told") {
                for input in rig.inbox.drain() { told.add(input) }
                return !told.all.isEmpty
            }
            #expect(rig.sent.all.isEmpty)
        }
        guard case .answered(let executor, let command, .refused(.configUnavailable, let reason))? = told.all.first
        else {
            Issue.record("another was told: \(told.all)")
            return
        }
        #expect(executor == node && command.fence.sequence == 7)
        #expect(reason.hasPrefix("configuration file /etc/a.conf: "), "\(reason)")
    }

    @Test func `what came too late is sent again with the files that were fetched for it`() async throws {
        let server = ScriptedServer(["/a.conf": [1]])
        let workload = fetching("A", call("a.example", "/a.conf"))
        let late: @Sendable (NodeCommand) -> CommandAnswer = { command in
            command.fence.sequence == 1 ? .refused(.staleFence, reason: "1 is not above 4") : .accepted(nil)
        }
        try await withOutboxes(server, answer: late) { rig in
            rig.hand(start("AI-1", workload, 1))
            try await eventually("it is refused") { rig.inbox.drain().count == 1 }
            // Long after the file itself is no longer good for others.
            rig.time.advance(by: .seconds(20))
            rig.hand(start("AI-1", workload, 5))
            try await eventually("it is sent again") { rig.inbox.drain().count == 1 }
            #expect(rig.sent.all.map(\.fence.sequence) == [1, 5])
            #expect(rig.sent.all.map(sources) == [[.inline(data: [1])], [.inline(data: [1])]])
            #expect(server.asked.count == 1)
            // It was taken: what would be sent for that instance now is fetched anew.
            rig.hand(start("AI-1", workload, 6))
            try await eventually("it is sent") { rig.sent.all.count == 3 }
            #expect(server.asked.count == 2)
        }
    }
}
