import ApusClient
import ApusModel
import Testing

/// What runs of an application `WEB-1`, of a local service `LOCAL-1` and of a task `JOBS/LONG`: one instance each.
struct RunningWork {
    static let vhost = "web.example.org"

    let instance: InstanceSummary
    let serviceInstance: InstanceSummary
    let task: TaskSummary

    /// Starts all three.
    init(on cluster: DevCluster) async throws {
        let exposure: JSON = ["vhost": .string(Self.vhost), "portName": "main", "mode": "ALL"]
        let app = try await cluster.deploy(
            service("WEB", cores: 2, interval: "200 ms").with(["exposureSpec": exposure]),
            instances: 1
        )
        let local = service("LOCAL", interval: "200 ms")
            .with(["placementPolicy": ["type": "LOCAL", "hostLevel": false]])
        let id = ServiceID("LOCAL-1")
        try await cluster.api.operateService(["type": "CREATE", "spec": local, "instancesPerHost": 1])
        try await cluster.api.operateService(["type": "ACTIVATE", "serviceId": id.json])
        let long = TaskID(source: "JOBS", name: "LONG")
        try await cluster.api.operateTask([
            "type": "CREATE", "spec": shellTask(long, "sleep 600"), "opSpec": DevCluster.opSpec(parallelism: 1),
        ])
        try await cluster.settle(app, at: 1)
        try await cluster.eventually("the local service and the task run") {
            let (healthy, state) = (try await cluster.api.service(id).healthy, try await cluster.api.task(long).state)
            try check(healthy == 1 && state == "RUNNING", "\(healthy) healthy, the task is \(state)")
        }
        instance = try #require(try await cluster.api.instances(of: app).first)
        serviceInstance = try #require(try await cluster.api.instances(of: id).first)
        task = try await cluster.api.task(long)
    }
}
