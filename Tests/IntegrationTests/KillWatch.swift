import ApusClient
import ApusContainers
import ApusModel
import ApusTestKit
import Synchronization
import Testing

/// What the container engine tells of the containers of one cluster, from when it is asked: no kill of Apus hides it.
final class KillWatch: Sendable {
    private struct State {
        var isListening = false
        var events: [ContainerEvent] = []
        var end: String?
    }

    private let state = Mutex(State())

    /// Follows the events until its task is cancelled.
    func follow(_ engine: DockerEngine, cluster: String) async {
        do {
            let events = try await engine.events(labels: ["apus.cluster": cluster])
            state.withLock { $0.isListening = true }
            for try await event in events { state.withLock { $0.events.append(event) } }
            state.withLock { $0.end = "the engine ended its events" }
        } catch {
            state.withLock { $0.end = "\(error)" }
        }
    }

    var isListening: Bool { state.withLock { $0.isListening } }
    /// How many events there were.
    var count: Int { state.withLock { $0.events.count } }

    /// One entry for each start, by the container's labels.
    private var starts: [ContainerEvent] { state.withLock { $0.events.filter { $0.kind == .started } } }

    var startedContainers: Set<ContainerID> { Set(starts.map(\.container)) }

    func starts(of task: TaskID) -> Int {
        starts.count { $0.labels["apus.task.source"] == task.source && $0.labels["apus.task.id"] == task.name }
    }

    /// That it has seen everything, and that no container was started a second time: neither one that runs nor one that
    /// ended, a task's least of all.
    func expectEachStartedOnce() {
        #expect(state.withLock { $0.end } == nil, "the events were not followed to the end")
        let starts = starts
        #expect(starts.count == Set(starts.map(\.container)).count, "a container was started again")
        let instances = starts.compactMap { $0.labels["apus.instance.id"] }
        let doubled = Dictionary(grouping: instances) { $0 }.filter { $1.count > 1 }.keys.sorted()
        #expect(doubled.isEmpty, "two containers of one instance were started")
    }
}

/// Runs a test against a cluster of its own whose containers are watched from the first on.
func withWatchedCluster(
    crashAt: String? = nil,
    _ body: (DevCluster, KillWatch) async throws -> Void
) async throws {
    try await withDevCluster(crashAt: crashAt) { cluster in
        let watch = KillWatch()
        let (engine, name) = (cluster.engine, cluster.cluster)
        async let _ = watch.follow(engine, cluster: name)
        try await cluster.eventually("the engine tells its events") { try check(watch.isListening, "not yet") }
        try await body(cluster, watch)
    }
}

extension DevCluster {
    /// Waits until these many instances of one core each are there, and no container, core or port beside them.
    func expectNothing(but count: Int) async throws {
        try await until("\(count) containers, and nothing else is left or held", within: .seconds(30)) {
            var instances: [String: [Int]] = [:]
            for application in try await self.api.applications() {
                for instance in try await self.api.instances(of: application.id) {
                    instances[instance.id.rawValue] = instance.ports.map(\.hostPort)
                }
            }
            var containers: [String: [Int]] = [:]
            for container in try await self.containers() {
                let details = try await self.engine.inspect(container.id)
                try check(details.state.isRunning, "\(details.name) does not run")
                containers[container.labels["apus.instance.id"] ?? container.name] = details.ports.map(\.hostPort)
            }
            try check(instances.count == count, "\(instances.count) instances")
            try check(containers == instances, "containers and ports \(containers), instances \(instances)")
            let ports = containers.values.joined()
            try check(ports.count == Set(ports).count, "ports given twice: \(containers)")
            let cores = try await self.api.cluster().int("usedCores")
            try check(cores == count, "\(cores) cores are held")
        }
    }
}
