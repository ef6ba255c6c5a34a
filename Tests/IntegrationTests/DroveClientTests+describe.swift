import ApusClient
import ApusModel
import Testing

/// `drove describe`.
extension ServiceTests.DroveClientTests {
    func describe(_ work: RunningWork, on executor: String, _ drove: DroveClient) async throws {
        try await describeCluster(executor, drove)
        try await describeExecutor(executor, work, drove)
        let (instance, service) = (work.instance.id.rawValue, work.serviceInstance.id.rawValue)
        try await describeOwners(instance, service, drove)

        let places = ["  Executor ID:       \(executor)\n", "    Container Port:  8000\n"]
        try await drove.expect(
            "  Instance ID:       \(instance)\n",
            places[0],
            places[1],
            "  CPU Cores:         2\n",
            "  Memory:            32 MB\n",
            from: "describe instance WEB-1 \(instance)"
        )
        #expect(try await drove.json("describe instance WEB-1 \(instance) --json")["appId"] == "WEB-1")
        try await drove.expect(
            "  Service ID:        LOCAL-1\n",
            places[0],
            places[1],
            from: "describe lsinstance LOCAL-1 \(service)"
        )
        #expect(try await drove.json("describe lsinstance LOCAL-1 \(service) --json")["serviceId"] == "LOCAL-1")
        try await drove.expect(
            "  Task ID:           LONG\n",
            "  State:             RUNNING\n",
            places[0],
            from: "describe task JOBS LONG"
        )
        #expect(try await drove.json("describe task JOBS LONG --json")["taskId"] == "LONG")
        try await drove.expect("No such task instance JOBS/NONE", from: "describe task JOBS NONE")
    }

    private func describeCluster(_ executor: String, _ drove: DroveClient) async throws {
        try await drove.expect(
            "  State:             NORMAL\n",
            "  Executors:         1\n",
            "  Applications:      1 active / 2 total\n",
            "  [OK] \(executor)\n",
            from: "describe cluster"
        )
        #expect(try await drove.json("describe cluster --json")["cluster"]?["numExecutors"] == 1)
    }

    private func describeExecutor(_ executor: String, _ work: RunningWork, _ drove: DroveClient) async throws {
        try await drove.expect(
            "App Instances (1):",
            "  [OK] \(work.instance.id)\n      App: WEB (WEB-1)\n",
            "      Resources: 2 CPU, 32 MB Memory\n",
            "Tasks (1):",
            "  [OK] LONG\n      Source App: JOBS\n",
            "Local Service Instances (1):",
            "  [OK] \(work.serviceInstance.id)\n      Service: LOCAL (LOCAL-1)\n",
            from: "describe executor \(executor)"
        )
        let json = try await drove.json("describe executor \(executor) --json")
        #expect(json["state"]?["executorId"] == .string(executor))
    }

    /// The application and the local service as a whole.
    private func describeOwners(_ instance: String, _ service: String, _ drove: DroveClient) async throws {
        let app = try await drove.run("describe app WEB-1")
        let told = [
            "  State:             RUNNING\n", "  Healthy:           1\n", "  Docker Image:      \(DevCluster.image)\n",
            "  CPU per Instance:  2\n", "  - main: 8000 (HTTP)\n", "  Type:              ANY\n", "  [OK] \(instance)\n",
        ]
        for text in told { #expect(app.contains(text), "\(app)") }
        // It looks for `healthChecks`; a specification has one `healthcheck`.
        #expect(!app.contains("Health Checks"))
        #expect(try await drove.json("describe app WEB-1 --json")["summary"]?["id"] == "WEB-1")
        try await drove.expect(
            // It looks for `requiredInstances`; a local service has so many per host.
            "  Required:          0\n",
            "  Healthy:           1\n",
            "  Type:              LOCAL\n",
            "  [OK] \(service)\n",
            from: "describe localservice LOCAL-1"
        )
        #expect(try await drove.json("describe localservice LOCAL-1 --json")["summary"]?["id"] == "LOCAL-1")
    }
}
