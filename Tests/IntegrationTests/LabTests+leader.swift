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
    @Test(.timeLimit(.minutes(3)))
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

    @Test(.timeLimit(.minutes(3)))
    func `a leader hands over, and stands by`() async throws {
        try await scenario { scene in
            let leader = try await scene.leading()
            try await leader.api.handOver(to: nil)
            try await scene.anotherLeads(than: leader)
            try await scene.untilAccepted()
            try await scene.standsBy(leader)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a leader that was stopped for longer than its session has its first command refused, and stands by`()
        async throws
    {
        try await scenario { scene in
            let hung = try await scene.leading()
            hung.process.pause()
            try await scene.anotherLeads(than: hung)
            try await scene.untilAccepted()
            // Asked while it cannot answer, which takes as long as some answers of the other one.
            async let first = scene.change(3, at: hung)
            try await scene.clientsAreAnswered()
            hung.process.goOn()
            let outcome = await first
            #expect(outcome != .done)
            try await scene.standsBy(hung)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `full suite: all controllers stand still for a minute`() async throws {
        try await scenario { scene in
            for controller in scene.cluster.controllers { controller.process.pause() }
            try await scene.minutePasses()
            for controller in scene.cluster.controllers { controller.process.goOn() }
            try await scene.untilAccepted()
        }
    }
}
