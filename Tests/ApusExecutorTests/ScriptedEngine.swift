import ApusContainers
import ApusExecutor
import ApusModel
import Synchronization

/// An engine in memory of which some calls are played by a test.
final class ScriptedEngine: ContainerEngine {
    let base: MemoryEngine
    private let counts = Mutex((pulls: 0, commands: 0, lists: 0))
    private let pulling: @Sendable () async throws -> Void
    private let running: @Sendable () async throws -> CommandResult
    private let startEnd: @Sendable () throws -> Void
    private let listBeginning: @Sendable (_ count: Int) throws -> Void

    /// `startEnd` comes after a start, `listBeginning` before each list.
    init(
        over base: MemoryEngine = MemoryEngine(),
        pulling: @escaping @Sendable () async throws -> Void = {},
        running: @escaping @Sendable () async throws -> CommandResult = { .exited(code: 0, lastLine: "") },
        startEnd: @escaping @Sendable () throws -> Void = {},
        listBeginning: @escaping @Sendable (_ count: Int) throws -> Void = { _ in }
    ) {
        self.base = base
        self.pulling = pulling
        self.running = running
        self.startEnd = startEnd
        self.listBeginning = listBeginning
    }

    /// How many were begun.
    var pulls: Int { counts.withLock(\.pulls) }
    var commands: Int { counts.withLock(\.commands) }

    func imageID(of image: String) async throws -> String? { try await base.imageID(of: image) }
    func imageNames(of id: String) async throws -> [String]? { try await base.imageNames(of: id) }
    func removeImage(_ image: String) async throws -> Bool { try await base.removeImage(image) }
    func unpack(_ archive: [UInt8], in id: ContainerID) async throws { try await base.unpack(archive, in: id) }

    func pull(
        _ image: String,
        credentials: RegistryCredentials?,
        deadline: Duration,
        progress: @escaping @Sendable (String) -> Void
    ) async throws {
        counts.withLock { $0.pulls += 1 }
        progress("1 of 2 layers fetched")
        try await pulling()
    }

    func create(_ plan: ContainerPlan) async throws -> ContainerID { try await base.create(plan) }

    func start(_ id: ContainerID) async throws {
        try await base.start(id)
        try startEnd()
    }

    func stop(_ id: ContainerID, grace: Duration) async throws { try await base.stop(id, grace: grace) }

    func remove(_ id: ContainerID, force: Bool, volumes: Bool) async throws {
        try await base.remove(id, force: force, volumes: volumes)
    }

    func run(_ words: [String], in id: ContainerID, within limit: Duration) async throws -> CommandResult {
        counts.withLock { $0.commands += 1 }
        return try await running()
    }

    func container(named name: String) async throws -> EngineContainer { try await base.container(named: name) }

    func containers(labels: [String: String]) async throws -> [EngineContainer] {
        let count = counts.withLock { counts in
            counts.lists += 1
            return counts.lists
        }
        try listBeginning(count)
        return try await base.containers(labels: labels)
    }

    func followExits(
        labels: [String: String],
        since: WallTime?,
        began: () async -> Void,
        each: (ContainerExit) async -> Void
    ) async throws {
        try await base.followExits(labels: labels, since: since, began: began, each: each)
    }
}
