import ApusClient
import ApusModel
import Testing

extension ServiceTests {
    /// Every command of the `drove` command of PyPI, 0.0.14, and every option of each, so these tests need PyPI (or a
    /// pip that knows another index).
    ///
    /// Where it is itself broken, a test expects that and says why.
    @Suite(.serialized) struct DroveClientTests {
        static let work = ["apps", "appinstances", "localservices", "lsinstances", "tasks"]
        static let cluster = ["cluster", "executor", "describe"]
        /// The empty one is the program itself.
        static let contexts = ["", "config"]

        @Test(.timeLimit(.minutes(4)))
        func `drove creates, changes, shows and destroys applications, local services and tasks`() async throws {
            try await withDrove(trying: Self.work) { cluster, drove in
                async let applications: Void = useApplications(cluster, drove)
                async let services: Void = useServices(cluster, drove)
                async let tasks: Void = useTasks(cluster, drove)
                _ = try await (applications, services, tasks)
                try await cluster.expectNothing(but: 0)
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `drove shows and describes a cluster, takes an executor out of work and back, and follows events`()
            async throws
        {
            try await withDrove(trying: Self.cluster) { cluster, drove in
                let executor = try await executor(of: cluster)
                try await blacklist(executor, cluster, drove)
                try await maintain(executor, drove)
                try await simulate(drove)
                try await listEvents(of: executor, cluster, drove)
                let work = try await RunningWork(on: cluster)
                try await show(work, on: executor, cluster, drove)
                try await describe(work, on: executor, drove)
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `drove and apus read each other's contexts, and whoever shows a wrong password is told so`() async throws {
            try await withDrove(trying: Self.contexts) { cluster, drove in
                try await showPasswords(drove)
                try await beginContexts(drove)
                try await changeContexts(drove)
                try await shareContexts(drove)
                try await help(drove)
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `no group of drove's commands is without a test`() async throws {
            let drove = try DroveClient()
            defer { drove.close() }
            let groups = Set(try await drove.commands().map { $0.words.first ?? "" })
            #expect(groups == Set(Self.work + Self.cluster + Self.contexts))
        }

        // MARK: parts

        /// A cluster with users, and afterwards the proof that all commands of these groups were run.
        private func withDrove(
            trying groups: [String],
            _ body: (DevCluster, DroveClient) async throws -> Void
        ) async throws {
            let users = try UsersFile()
            defer { users.remove() }
            try await withDevCluster(arguments: ["--users", users.path], as: UsersFile.credentials) { cluster in
                let drove = try DroveClient(endpoint: cluster.api.endpoint)
                defer { drove.close() }
                _ = try await executor(of: cluster)
                try await body(cluster, drove)
                let untried = try await drove.untried(of: groups)
                #expect(untried.isEmpty, "nobody tried them")
            }
        }

        /// The one executor, which takes work: the API may answer before it has joined.
        private func executor(of cluster: DevCluster) async throws -> String {
            try await cluster.eventually("the executor takes work") {
                try check(try await cluster.api.executorSummaries().first?.state == "ACTIVE", "not yet")
            }
            return try #require(try await cluster.api.executorSummaries().first).id.rawValue
        }

        /// A service that writes a line every second.
        static func ticking(_ spec: JSON) -> JSON {
            spec.with(["args": ["sh", "-c", "while true; do echo tick; sleep 1; done & exec serve"]])
        }

        /// One whose instances never become healthy, and for a long time do not fail either.
        static func slow(_ name: String) -> JSON {
            let spec = service(name, path: "/never")
            return spec.with(["readiness": spec["readiness"]?.with(["attempts": 100]) ?? .null])
        }

        static func local(_ spec: JSON) -> JSON {
            spec.with(["placementPolicy": ["type": "LOCAL", "hostLevel": false]])
        }

        /// Time, stream and spaces before each line of a log.
        static let logPrefix = "35"
    }
}
