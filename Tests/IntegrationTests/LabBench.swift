import ApusClient
import ApusLab
import ApusModel
import ApusTestKit
import Testing

/// Gives a test a cluster in a lab; with more controllers than one it stands on three ZooKeeper servers.
func withLabCluster(
    controllers: Int = 1,
    executors: Int = 3,
    zones: Int = 3,
    begin: (LabCluster) async throws -> Void = { try await $0.start() },
    _ body: (LabCluster) async throws -> Void
) async throws {
    try await LabCluster.with(
        controllers: controllers,
        executors: executors,
        zones: zones,
        programs(forSeveral: controllers > 1),
        begin: begin,
        body
    )
}

/// Gives a test a cluster of `apus node` in a lab; with more than one it stands on three ZooKeeper servers.
func withLabNodes(_ nodes: Int, executors: Int = 0, _ body: (LabCluster) async throws -> Void) async throws {
    try await LabCluster.with(nodes: nodes, executors: executors, programs(forSeveral: nodes > 1), body)
}

/// Several controllers need ZooKeeper.
private func programs(forSeveral: Bool) throws -> LabCluster.Programs {
    LabCluster.Programs(
        apus: try needed("APUS_TEST_BINARY"),
        fakeEngine: try needed("APUS_TEST_FAKE_ENGINE"),
        zooKeeperJar: forSeveral ? try needed("APUS_TEST_ZOOKEEPER_JAR") : nil
    )
}

extension LabCluster {
    func anotherLeads(than old: Controller, within limit: Duration = .seconds(40)) async throws {
        try await until("another leads", within: limit, log: { logTails }) {
            let leader = await leader().map { controllers[$0].api.endpoint }
            try check(leader != nil && leader != old.api.endpoint, "\(leader ?? "nobody") does")
        }
    }
}

/// A service whose instances are all healthy; with a virtual host they are among the endpoints.
func deploy(_ api: APIClient, _ name: String, instances: Int, vhost: String? = nil) async throws -> AppID {
    var spec = service(name, image: LabCluster.image, interval: "200 ms")
    if let vhost {
        spec = spec.with(["exposureSpec": ["vhost": .string(vhost), "portName": "main", "mode": "ALL"]])
    }
    let app = try await api.operate([
        "type": "CREATE", "spec": spec,
        "instances": .integer(Int64(instances)), "opSpec": DevCluster.opSpec(parallelism: 10),
    ])
    try await until("\(app) is healthy") {
        let summary = try await api.application(app)
        try check(summary.healthy == instances && summary.operation == nil, "\(summary.healthy) are")
    }
    return app
}
