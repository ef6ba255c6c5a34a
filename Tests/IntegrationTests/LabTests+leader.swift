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

    /// What it sent, and what it was about to send, comes to executors that know the next leader by then.
    @Test(.timeLimit(.minutes(8)))
    func `full suite: what a leader ordered before it was stopped comes late to the executors, and is refused`()
        async throws
    {
        try await scenario { scene in
            let hung = try await scene.leading()
            try await scene.set {
                let port = LabCluster.executorPort
                $0.cut(from: [hung.process.machine.address], to: scene.executorAddresses, port: port)
            }
            try await scene.passes(.seconds(1))
            hung.process.pause()
            try await scene.anotherLeads(than: hung)
            try await scene.untilAccepted()
            try await scene.clientsAreAnswered()
            try await scene.set { _ in }
            // By then its machine has tried again to send what waits.
            try await scene.passes(.seconds(10))
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
