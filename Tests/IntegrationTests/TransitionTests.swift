import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Testing

/// Where the process kills itself; see `TransitionCrash`.
struct TransitionPoint: CustomTestStringConvertible, Sendable {
    var side: String
    var state: InstanceState

    var text: String { "instance-\(side):\(state.rawValue)" }
    var testDescription: String { text }

    static let ofServices = points([
        .provisioning, .starting, .unready, .ready, .healthy, .unhealthy, .stopping, .deprovisioning, .stopped,
    ])
    /// RUN_COMPLETED is passed within a step, so its place is DEPROVISIONING.
    static let ofTasks = points([.provisioning, .starting, .running, .deprovisioning, .stopped])

    private static func points(_ states: [InstanceState]) -> [TransitionPoint] {
        states.flatMap { [TransitionPoint(side: "before", state: $0), TransitionPoint(side: "after", state: $0)] }
    }
}

extension ServiceTests {
    @Test(.timeLimit(.minutes(2)), arguments: TransitionPoint.ofServices)
    func `kill -9 at a transition of a service's instance: it comes to its count, and what ran and was wanted runs on`(
        _ point: TransitionPoint
    ) async throws {
        try await withWatchedCluster(crashAt: point.text) { cluster, watch in
            let app = AppID("WEB-1")
            _ = await KillRequest.create(app, point.state.isComingUp ? 1 : 2).ask(cluster.api.endpoint)
            if !point.state.isComingUp { try await cluster.settle(app, at: 2) }
            var ill: ContainerID?
            switch point.state {
            case .stopping, .deprovisioning, .stopped:
                _ = await KillRequest.scale(app, 1).ask(cluster.api.endpoint)
            case .unhealthy:
                let first = try #require(try await cluster.containers().first).id
                ill = first
                _ = try await cluster.engine.run(
                    ["busybox", "rm", "/www/index.html"],
                    in: first,
                    within: .seconds(5)
                )
            default: break
            }
            try await cluster.expectDeath(at: point)
            let running = try await cluster.containers().filter(\.isRunning).map(\.id)

            try await cluster.startAndAnswer()
            let count = point.state == .unhealthy ? 2 : 1
            if point.state == .unhealthy {
                // It counts until a check tells otherwise again.
                try await cluster.eventually("the ill one is replaced", within: .seconds(30)) {
                    let there = try await cluster.api.instances(of: app).map { "\($0.id) \($0.state)" }
                    try check(
                        watch.startedContainers.count == 3,
                        "started \(watch.startedContainers), ill \(String(describing: ill)), \(there)"
                    )
                }
            }
            try await cluster.settle(app, at: count)
            try await cluster.expectNothing(but: count)
            let now = try await cluster.containers().map(\.id)
            let started = watch.startedContainers.count
            let ended = try await cluster.api.endedInstances(of: app, atMost: 10)
            switch point.state {
            case .stopping, .deprovisioning, .stopped:
                #expect(now.allSatisfy(running.contains) && started == 2, "the other one runs on")
            case .unhealthy:
                let well = running.filter { $0 != ill }
                #expect(
                    well.allSatisfy(now.contains) && !now.contains { $0 == ill } && started == 3,
                    """
                    one is replaced, one runs on: \(ended.map { "\($0.id) \($0.error)" })
                    ill \(String(describing: ill)), running \(running), now \(now), started \(watch.startedContainers)
                    """
                )
            default:
                #expect(running.allSatisfy(now.contains) && started == 1, "one was started, and it runs on")
            }
            watch.expectEachStartedOnce()
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: TransitionPoint.ofTasks)
    func `kill -9 at a transition of a task: it is started once and ends with its code`(
        _ point: TransitionPoint
    ) async throws {
        try await withWatchedCluster(crashAt: point.text) { cluster, watch in
            let id = TaskID(source: "KILL", name: "ONCE")
            // Before that a task is refused, as in Drove.
            try await cluster.eventually("the executor is known") {
                try check(try await cluster.api.cluster()["numExecutors"] == 1, "it is not")
            }
            _ = await KillRequest.run(id, code: 7, seconds: 1).ask(cluster.api.endpoint)
            try await cluster.expectDeath(at: point)

            try await cluster.startAndAnswer()
            let (result, error) = try await cluster.ended(id)
            #expect(result == "FAILED 7", "\(error)")
            try await cluster.expectNothing(but: 0)
            #expect(watch.starts(of: id) == 1)
            watch.expectEachStartedOnce()
        }
    }
}

extension DevCluster {
    fileprivate func expectDeath(at point: TransitionPoint) async throws {
        try await until("the process kills itself at \(point.text)", within: .seconds(30)) {
            try check(!self.isRunning, "it runs")
        }
    }
}

extension InstanceState {
    fileprivate var isComingUp: Bool {
        switch self {
        case .provisioning, .starting, .unready, .ready, .healthy: true
        default: false
        }
    }
}
