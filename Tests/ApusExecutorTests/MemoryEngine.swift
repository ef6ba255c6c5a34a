import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Synchronization

/// A container engine in memory, whose running containers really answer on their published ports.
final class MemoryEngine: ContainerEngine {
    struct Container {
        var plan: ContainerPlan
        var state: FoundContainer.State = .created
        var ports: [PublishedPortListener] = []
    }

    struct State {
        var containers: [ContainerID: Container] = [:]
        var created = 0
        var images: Set<String> = ["app:1"]
        var pulls = 0
        /// Archives that were put into containers.
        var archives: [ContainerID: [UInt8]] = [:]
        /// Images that a pull brings.
        var registry: Set<String> = []
        /// What tags mean that do not mean what they did: at the registry, and here.
        var moved: [String: String] = [:]
        var tags: [String: String] = [:]
        /// Images that have lost their tags, by their ids.
        var untagged: Set<String> = []

        func id(of image: String) -> String { tags[image] ?? "id of \(image)" }

        mutating func tag(_ image: String, as id: String) {
            if images.contains(image), self.id(of: image) != id { untagged.insert(self.id(of: image)) }
            images.insert(image)
            tags[image] = id
        }
        /// Turns up beside a pull that fails.
        var sideload: String?
        var isAway = false
        /// As many creates find their name given to a container that cannot be looked at yet.
        var halfMade = 0
        /// The next create works, but its answer is lost.
        var losesCreateAnswer = false
        /// Containers answer their checks with 503.
        var isSick = false
        /// What becomes of a command in a container; others end well.
        var commands: [[String]: CommandResult] = [:]
        var busy = 0
        var busiest = 0
        var followers: [Int: AsyncStream<ContainerExit>.Continuation] = [:]
        var lastFollower = 0
    }

    let state = Mutex(State())

    /// What is there, by name.
    var names: [String] { state.withLock { $0.containers.values.map(\.plan.name).sorted() } }
    var ids: Set<ContainerID> { state.withLock { Set($0.containers.keys) } }
    var created: Int { state.withLock(\.created) }

    func change<Value: Sendable>(_ change: (inout sending State) -> sending Value) -> Value { state.withLock(change) }

    func imageID(of image: String) async throws -> String? {
        try reached("looking for image \(image)")
        return state.withLock { $0.images.contains(image) ? $0.id(of: image) : nil }
    }

    func imageNames(of id: String) async throws -> [String]? {
        try reached("looking for image \(id)")
        return state.withLock { state in
            let names = state.images.filter { state.id(of: $0) == id }
            return names.isEmpty && !state.untagged.contains(id) ? nil : names.sorted()
        }
    }

    func removeImage(_ image: String) async throws -> Bool {
        try reached("removing image \(image)")
        return state.withLock { state in
            guard !state.containers.values.contains(where: { $0.plan.image == image }) else { return false }
            state.images.remove(image)
            state.untagged.remove(image)
            return true
        }
    }

    func pull(
        _ image: String,
        credentials: RegistryCredentials?,
        deadline: Duration,
        progress: @escaping @Sendable (String) -> Void
    ) async throws {
        try reached("pulling image \(image)")
        progress("1 of 2 layers fetched")
        try state.withLock { state in
            state.pulls += 1
            if let image = state.sideload { state.images.insert(image) }
            guard state.registry.contains(image) else {
                throw ContainerError(.imageMissing, doing: "pulling image \(image)", message: "manifest unknown")
            }
            state.tag(image, as: state.moved[image] ?? state.id(of: image))
        }
    }

    func create(_ plan: ContainerPlan) async throws -> ContainerID {
        let doing = "creating container \(plan.name)"
        try reached(doing)
        return try await working {
            try state.withLock { state in
                guard state.images.contains(plan.image) else {
                    throw ContainerError(.imageMissing, doing: doing, message: "No such image: \(plan.image)")
                }
                state.halfMade -= 1
                guard state.halfMade < 0, !state.containers.values.contains(where: { $0.plan.name == plan.name }) else {
                    throw ContainerError(.nameInUse, doing: doing, message: "the name is already in use by container")
                }
                state.created += 1
                let id = ContainerID("c\(state.created)")
                state.containers[id] = Container(plan: plan)
                guard !state.losesCreateAnswer else {
                    state.losesCreateAnswer = false
                    throw ContainerError(.timedOut, doing: doing, message: "the engine did not finish")
                }
                return id
            }
        }
    }

    func unpack(_ archive: [UInt8], in id: ContainerID) async throws {
        try reached("putting files into container \(id)")
        state.withLock { $0.archives[id] = archive }
    }

    func start(_ id: ContainerID) async throws {
        let doing = "starting container \(id)"
        try reached(doing)
        try await working {
            try state.withLock { state in
                guard var container = state.containers[id] else {
                    throw ContainerError(.notFound, doing: doing, message: "No such container: \(id)")
                }
                guard container.state != .running else { return }
                for port in container.plan.ports {
                    guard let answering = PublishedPortListener(port.hostPort, isSick: state.isSick) else {
                        for port in container.ports { port.stop() }
                        throw ContainerError(.portInUse, doing: doing, message: "port is already allocated")
                    }
                    container.ports.append(answering)
                }
                container.state = .running
                state.containers[id] = container
            }
        }
    }

    func stop(_ id: ContainerID, grace: Duration) async throws {
        try reached("stopping container \(id)")
        exit(id, code: 143)
    }

    func remove(_ id: ContainerID, force: Bool, volumes: Bool) async throws {
        try reached("removing container \(id)")
        exit(id, code: 137)
        _ = state.withLock { $0.containers.removeValue(forKey: id) }
    }

    func run(_ words: [String], in id: ContainerID, within limit: Duration) async throws -> CommandResult {
        let doing = "running a command in container \(id)"
        try reached(doing)
        return try state.withLock { state in
            guard let container = state.containers[id] else {
                throw ContainerError(.notFound, doing: doing, message: "No such container: \(id)")
            }
            guard container.state == .running else {
                throw ContainerError(.conflict, doing: doing, message: "Container \(id) is not running")
            }
            return state.commands[words] ?? .exited(code: 0, lastLine: "")
        }
    }

    func container(named name: String) async throws -> EngineContainer {
        try reached("looking at container \(name)")
        let found = state.withLock { $0.containers.first { $0.value.plan.name == name || $0.key.rawValue == name } }
        guard let found else {
            throw ContainerError(.notFound, doing: "looking at container \(name)", message: "No such container")
        }
        return Self.shown(found.key, found.value)
    }

    func containers(labels: [String: String]) async throws -> [EngineContainer] {
        try reached("listing containers")
        return state.withLock { state in
            state.containers.filter { container in labels.allSatisfy { container.value.plan.labels[$0] == $1 } }
                .map { Self.shown($0.key, $0.value) }.sorted { $0.id < $1.id }
        }
    }

    func followExits(
        labels: [String: String],
        since: WallTime?,
        began: () async -> Void,
        each: (ContainerExit) async -> Void
    ) async throws {
        try reached("following the events")
        let (exits, continuation) = AsyncStream<ContainerExit>.makeStream(bufferingPolicy: .bufferingNewest(1_000))
        let number = state.withLock { state in
            state.lastFollower += 1
            state.followers[state.lastFollower] = continuation
            return state.lastFollower
        }
        defer { _ = state.withLock { $0.followers.removeValue(forKey: number) } }
        await began()
        for await exit in exits { await each(exit) }
        try Task.checkCancellation()
    }

    // MARK: what befalls an engine

    /// The container's first process ends; `isTold` is false if nobody hears of it.
    func exit(_ id: ContainerID, code: Int64, isTold: Bool = true) {
        let followers = state.withLock { state -> [AsyncStream<ContainerExit>.Continuation] in
            guard state.containers[id]?.state == .running else { return [] }
            for port in state.containers[id]?.ports ?? [] { port.stop() }
            state.containers[id]?.ports = []
            state.containers[id]?.state = .exited(code: code, outOfMemory: false)
            return Array(state.followers.values)
        }
        guard isTold else { return }
        let exit = ContainerExit(
            container: id,
            code: code,
            outOfMemory: false,
            time: WallTime(milliseconds: 1)
        )
        for follower in followers { follower.yield(exit) }
    }

    func setAway(_ isAway: Bool) {
        state.withLock { state in
            state.isAway = isAway
            guard isAway else { return }
            for follower in state.followers.values { follower.finish() }
        }
    }

    func breakEvents() {
        state.withLock { state in
            for follower in state.followers.values { follower.finish() }
        }
    }

    /// Ends all containers, so that no thread is left behind.
    func end() {
        for id in ids { exit(id, code: 0, isTold: false) }
    }

    private func reached(_ doing: String) throws {
        guard !state.withLock(\.isAway) else {
            throw ContainerError(.unreachable, doing: doing, message: "there is no socket")
        }
    }

    /// Counts how many are at work at once; each takes long enough for others to come.
    private func working<Value: Sendable>(_ work: () throws -> Value) async throws -> Value {
        state.withLock { state in
            state.busy += 1
            state.busiest = max(state.busiest, state.busy)
        }
        defer { state.withLock { $0.busy -= 1 } }
        for _ in 0..<20 { await Task.yield() }
        return try work()
    }

    private static func shown(_ id: ContainerID, _ container: Container) -> EngineContainer {
        EngineContainer(id: id, name: container.plan.name, labels: container.plan.labels, state: container.state)
    }
}
