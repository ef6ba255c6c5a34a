import ApusLab
import ApusTestKit
import Testing

/// One cluster for all scenarios of a suite: three controllers on three ZooKeeper servers, and six executors in two
/// zones, with the services of `LabScene` on them.
///
/// To start it takes longer than most scenarios; each leaves it whole, or else the next one makes it so.
struct SharedLab: SuiteTrait, TestScoping {
    @TaskLocal static var cluster: LabCluster?

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withLabCluster(controllers: 3, executors: 6, zones: 2) { cluster in
            try await LabScene.populate(cluster)
            try await Self.$cluster.withValue(cluster) { try await function() }
        }
    }
}

extension Trait where Self == SharedLab {
    static var sharedLab: Self { SharedLab() }
}

/// What becomes of the instances that nobody asks anything of.
enum SteadyFate {
    /// All run on, and no executor is given up.
    case untouched
    case replaced
}

/// Plays a scenario on the cluster of the suite, with clients at work all the while.
///
/// Afterwards the cluster is whole again, and nothing that was accepted may have been lost, done twice or answered out of
/// order, nor may executors have taken commands of two leaders at once.
func scenario(_ fate: SteadyFate = .untouched, _ body: (LabScene) async throws -> Void) async throws {
    let scene = try LabScene(#require(SharedLab.cluster))
    try await scene.makeWhole()
    try await scene.settleCounts()
    let before = try scene.record()
    try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await scene.askAllTheWhile() }
        try await scene.clientsAreAnswered()
        try await body(scene)
        try await scene.makeWhole()
        try await scene.clientsAreAnswered()
    }
    try await scene.verify(since: before, fate)
}
