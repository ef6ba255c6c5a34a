import ApusClient
import ApusLab
import ApusModel
import ApusTestKit

/// Gives a test a cluster in a lab; with more controllers than one it stands on three ZooKeeper servers.
func withLabCluster(
    controllers: Int = 1,
    executors: Int = 3,
    zones: Int = 3,
    begin: (LabCluster) async throws -> Void = { try await $0.start() },
    _ body: (LabCluster) async throws -> Void
) async throws {
    let programs = LabCluster.Programs(
        apus: try needed("APUS_TEST_BINARY"),
        fakeEngine: try needed("APUS_TEST_FAKE_ENGINE"),
        zooKeeperJar: controllers > 1 ? try needed("APUS_TEST_ZOOKEEPER_JAR") : nil
    )
    try await LabCluster.with(
        controllers: controllers,
        executors: executors,
        zones: zones,
        programs,
        begin: begin,
        body
    )
}

/// A service whose instances are all healthy.
func deploy(_ api: APIClient, _ name: String, instances: Int) async throws -> AppID {
    let app = try await api.operate([
        "type": "CREATE", "spec": service(name, image: LabCluster.image, interval: "200 ms"),
        "instances": .integer(Int64(instances)), "opSpec": DevCluster.opSpec(parallelism: 10),
    ])
    try await until("\(app) is healthy") {
        let summary = try await api.application(app)
        try check(summary.healthy == instances && summary.operation == nil, "\(summary.healthy) are")
    }
    return app
}
