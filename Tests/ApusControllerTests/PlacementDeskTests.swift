import ApusController
import ApusEngine
import ApusModel
import ApusTestKit
import Dispatch
import Testing

/// Questions about placement, each of which holds a snapshot.
@Suite(.timeLimit(.minutes(1))) struct PlacementDeskTests {
    @Test func `a question is refused while as many wait as may, and answered later`() async throws {
        let (desk, state) = (PlacementDesk(), ClusterState(cluster: ClusterID("C")))
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<PlacementDesk.mostQuestions {
                group.addTask { try await desk.ask(state) { _ in gate.wait() } }
            }
            defer { for _ in 0..<PlacementDesk.mostQuestions { gate.signal() } }
            try await eventually("all are taken") { desk.questions == PlacementDesk.mostQuestions }
            await #expect(throws: PlacementDesk.Busy.self) { try await desk.ask(state) { _ in } }
        }
        #expect(try await desk.ask(state) { _ in 1 } == 1)
    }
}
