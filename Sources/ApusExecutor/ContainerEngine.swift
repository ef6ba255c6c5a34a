package import ApusAgent
package import ApusContainers
package import ApusModel

/// A container with what inventories and adoptions need to know of it.
package struct EngineContainer: Hashable, Sendable {
    package var id: ContainerID
    package var name: String
    package var labels: [String: String]
    package var state: FoundContainer.State

    package init(id: ContainerID, name: String, labels: [String: String], state: FoundContainer.State) {
        self.id = id
        self.name = name
        self.labels = labels
        self.state = state
    }
}

/// The end of a container's first process.
package struct ContainerExit: Hashable, Sendable {
    package var container: ContainerID
    package var code: Int64
    package var outOfMemory: Bool
    package var time: WallTime

    package init(container: ContainerID, code: Int64, outOfMemory: Bool, time: WallTime) {
        self.container = container
        self.code = code
        self.outOfMemory = outOfMemory
        self.time = time
    }
}

/// What runs an executor's containers.
///
/// All throw `ContainerError` with the engine's own words, or `CancellationError` when the task was cancelled.
package protocol ContainerEngine: Sendable {
    /// `nil` if it is not there.
    func imageID(of image: String) async throws -> String?
    /// The names with tags that an image has, by its id; `nil` if it is not there.
    func imageNames(of id: String) async throws -> [String]?
    /// `progress` is told in words how far it has come.
    func pull(
        _ image: String,
        credentials: RegistryCredentials?,
        deadline: Duration,
        progress: @escaping @Sendable (String) -> Void
    ) async throws
    /// By its name or id; false if a container uses it; done if it is not there.
    func removeImage(_ image: String) async throws -> Bool
    /// Throws `nameInUse` if the plan's name exists already.
    func create(_ plan: ContainerPlan) async throws -> ContainerID
    /// Puts the files of a tar archive into a container, which need not run.
    func unpack(_ archive: [UInt8], in id: ContainerID) async throws
    /// Done if it runs already; throws `portInUse` if one of its ports is taken.
    func start(_ id: ContainerID) async throws
    /// Done if it has ended or is not there.
    func stop(_ id: ContainerID, grace: Duration) async throws
    /// Done if it is not there.
    func remove(_ id: ContainerID, force: Bool, volumes: Bool) async throws
    /// Runs a command inside a running container and waits for its end, at most as long.
    ///
    /// Throws `conflict` if the container does not run.
    func run(_ words: [String], in id: ContainerID, within limit: Duration) async throws -> CommandResult
    /// Throws `notFound` if there is none of that name.
    func container(named name: String) async throws -> EngineContainer
    /// All that carry every one of these labels, stopped ones included, those being removed left out.
    func containers(labels: [String: String]) async throws -> [EngineContainer]
    /// Tells the exits of containers with these labels until the connection ends or breaks.
    ///
    /// `began` is called once when nothing that happens from then on is missed; with `since`, exits from then on are
    /// told first, as far as the engine remembers.
    func followExits(
        labels: [String: String],
        since: WallTime?,
        began: () async -> Void,
        each: (ContainerExit) async -> Void
    ) async throws
}
