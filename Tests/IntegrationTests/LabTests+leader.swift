import ApusClient
import ApusLab
import ApusTestKit
import Testing

extension ServiceTests.LabTests {
    /// Failures of a cluster with several controllers, one after the other.
    ///
    /// Those that take minutes are left to `scripts/test --full`.
    @Suite(.serialized, .sharedLab) struct Scenarios {}
}

/// What becomes of a leader.
extension ServiceTests.LabTests.Scenarios {
    @Test(.timeLimit(.minutes(6)))
    func `whoever leads is killed, three times`() async throws {
        try await scenario { scene in
            for _ in 0..<3 {
                try await scene.clientsAreAnswered()
                let leader = try await scene.leading()
                try await leader.process.kill9()
                try await scene.untilAccepted()
                try await leader.process.start()
            }
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `a leader hands over, and stands by`() async throws {
        try await scenario { scene in
            let leader = try await scene.leading()
            try await leader.api.handOver(to: nil)
            try await scene.anotherLeads(than: leader)
            try await scene.untilAccepted()
            try await scene.standsBy(leader)
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `a leader that was stopped for longer than its session has its first command refused, and stands by`()
        async throws
    {
        try await scenario { scene in
            let hung = try await scene.leading()
            hung.process.pause()
            try await scene.anotherLeads(than: hung)
            try await scene.untilAccepted()
            // Asked while it cannot answer, which takes as long as some answers of the other one.
            async let first = scene.change(at: hung)
            try await scene.clientsAreAnswered()
            hung.process.goOn()
            let fate = await first
            #expect(fate == .refused)
            try await scene.standsBy(hung)
        }
    }

    /// What it sent comes to executors that know the next leader by then.
    ///
    /// No other command reaches them before: one that repeats what they know is answered, whoever it is from.
    @Test(.timeLimit(.minutes(8)))
    func `full suite: what a leader ordered before it was stopped comes late to the executors, and is refused`()
        async throws
    {
        try await scenario(tasks: .mayBeLost) { scene in
            let hung = try await scene.leading()
            let others = scene.controllerAddresses.filter { $0 != hung.process.machine.address }
            let port = LabCluster.executorPort
            let (late, epochs) = (try scene.cluster.lateCommands().count, try scene.cluster.heardEpochs())
            try await scene.set { $0.cut(from: scene.controllerAddresses, to: scene.executorAddresses, port: port) }
            try await scene.takesTasks(24, hung)
            hung.process.pause()
            try await scene.anotherLeads(than: hung)
            try await until("all executors know who leads", log: { scene.cluster.logTails }) {
                let heard = try scene.cluster.heardEpochs()
                try check(zip(epochs, heard).allSatisfy { $0 < $1 }, "before \(epochs), now \(heard)")
            }
            #expect(try scene.cluster.lateCommands().count == late, "nothing got through")
            try await scene.set { $0.cut(from: others, to: scene.executorAddresses, port: port) }
            // Its machine tries again to send what waits, after twice as long each time.
            try await until("what it ordered is refused", within: .seconds(150), log: { scene.cluster.logTails }) {
                try check(try scene.cluster.lateCommands().count > late, "nothing is")
            }
            try await scene.set { _ in }
            hung.process.goOn()
            try await scene.standsBy(hung)
        }
    }

    @Test(.timeLimit(.minutes(8)))
    func `full suite: all controllers stand still for a minute`() async throws {
        try await scenario { scene in
            for controller in scene.cluster.controllers { controller.process.pause() }
            try await scene.passes(.seconds(60))
            for controller in scene.cluster.controllers { controller.process.goOn() }
            try await scene.untilAccepted()
        }
    }
}
