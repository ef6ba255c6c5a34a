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
    /// Those of these executors, by number, are replaced, and of no other.
    ///
    /// Where the executors ran on, all is in the end as it was before: the older of two that are healthy stays. One that
    /// was started again is back before it knows what is healthy, so there either may stay.
    case replaced([Int], ranOn: Bool)

    /// Of so many hosts endpoints tell, whatever happens.
    var leastHosts: Int {
        switch self {
        case .untouched: LabScene.steadyCount
        case .replaced: 1
        }
    }
}

/// What may become of tasks that were accepted.
enum TaskFate {
    /// Each starts.
    case run
    /// Some may never start, and whoever asks is told so: no executor had them, or lost them at its end.
    case mayBeLost
}

/// Plays a scenario on the cluster of the suite, with clients at work all the while.
///
/// Afterwards the cluster is whole again, and nothing that was accepted may have been lost, done twice or answered out of
/// order, nor may executors have taken commands of two leaders at once. And all the while whoever asked for endpoints and
/// was answered was told of `hosts` of the steady service, or else of all where they are untouched, and of some elsewhere.
func scenario<Value>(
    _ fate: SteadyFate = .untouched,
    tasks: TaskFate = .run,
    hosts: Int? = nil,
    _ body: (LabScene) async throws -> Value
) async throws -> Value {
    let scene = try LabScene(#require(SharedLab.cluster))
    try await scene.makeWhole()
    try await scene.settleCounts()
    let endpoints = EndpointWatch(
        of: scene.cluster.controllers,
        app: LabScene.steady,
        least: hosts ?? fate.leastHosts
    )
    try await endpoints.untilAllKnow(LabScene.steadyCount)
    let before = try scene.record()
    let value = try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await scene.askAllTheWhile() }
        group.addTask { try await endpoints.run() }
        try await scene.clientsAreAnswered()
        let value = try await body(scene)
        try await scene.makeWhole()
        try await scene.clientsAreAnswered()
        return value
    }
    #expect(endpoints.faults == [])
    #expect(endpoints.plainAnswers > 0 && endpoints.staleAnswers > 0, "nobody was told where the service is reached")
    try await scene.verify(since: before, fate, tasks)
    return value
}
