import ApusClient
import ApusModel
import Foundation
import Testing

/// `drove cluster` and `drove executor`.
extension ServiceTests.DroveClientTests {
    func blacklist(_ executor: String, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        try await drove.expect(
            "Successful: \(executor)\nFailed: nobody\n",
            "Blacklisting successful and app movement scheduled",
            from: "executor blacklist \(executor) nobody"
        )
        try await cluster.eventually("it is blacklisted") {
            try check(try await cluster.api.executorSummaries().first?.state == "BLACKLISTED", "not yet")
        }
        try await drove.expect("BLACKLISTED", from: "executor list")
        try await drove.expect("State                         BLACKLISTED", from: "executor info \(executor)")
        // It looks for a key `blacklisted`, which Drove's API has no more.
        try await drove.expect("  Blacklisted:     no\n", from: "describe executor \(executor)")
        try await drove.expect("Successful: \(executor)\nFailed: \n", from: "executor unblacklist \(executor)")
        try await cluster.eventually("it takes work again") {
            try check(try await cluster.api.executorSummaries().first?.state == "ACTIVE", "not yet")
        }
    }

    func maintain(_ executor: String, _ drove: DroveClient) async throws {
        let spec = try drove.file("web.json", service("WEB"))
        try await drove.expect("Cluster state: MAINTENANCE", from: "cluster maintenance-on")
        try await drove.expect("State                         MAINTENANCE", from: "cluster summary")
        try await drove.expect("  - Cluster is in maintenance mode", from: "apps create \(spec)")
        try await drove.expect(
            "Error blacklisting: status: 200 message: Cluster is in maintenance mode",
            from: "executor blacklist \(executor)"
        )
        try await drove.expect("Maintenance mode removal accepted.", from: "cluster maintenance-off")
        try await drove.expect("State                         NORMAL", from: "cluster summary")
    }

    func simulate(_ drove: DroveClient) async throws {
        let spec = try drove.file("web.json", service("WEB"))
        let simulated = try await drove.run("cluster simulate-placement \(spec) --num-instances 2 --detail")
        #expect(simulated.contains("Requested instances: 2\nPlaced instances:    2\nErrors:              0\n"))
        #expect(simulated.split(separator: "\n").count { $0.contains("ACTIVE") } == 2, "\(simulated)")
        let policy = try drove.file("one.json", ["type": "ONE_PER_HOST"])
        try await drove.expect(
            "2 of 3 instances found no place",
            from: "cluster simulate-placement \(spec) --num-instances 3 --placement-policy \(policy)"
        )
        #expect(try await drove.json("cluster simulate-placement \(spec) --json")["placed"] == 1)
        let broken = try drove.file("broken.json", ["name": "WEB"])
        try await drove.expect(
            "  - spec.version - App version is mandatory",
            from: "cluster simulate-placement \(broken)"
        )
    }

    func listEvents(of executor: String, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        let list = try await drove.run(
            "cluster events --type EXECUTOR_ADDED --count 1024 --textfmt",
            ["{type} of {metadata}"]
        )
        #expect(list.hasPrefix("EXECUTOR_ADDED of {") && list.contains(executor), "\(list)")
        let followed = try await drove.follow("cluster events --follow") { process in
            try await cluster.eventually("it prints what has happened") {
                try check(process.said.contains("MAINTENANCE_MODE_REMOVED"), "not yet")
            }
            // It rests a second before it asks again, so that this comes in between.
            let app = try await cluster.deploy(service("NEW"), instances: 0)
            try await cluster.eventually("it prints what happens") {
                try check(process.said.contains(app.rawValue), "not yet")
            }
        }
        #expect(followed.contains("APP_STATE_CHANGE"))
    }

    func show(_ work: RunningWork, on executor: String, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        try await drove.expect("Cluster ping successful", from: "cluster ping")
        let leader = try await cluster.api.cluster().string("leader")
        try await drove.expect("Cluster leader: \(leader)\n", from: "cluster leader")
        try await drove.expect("Active: 1 Total: 2", from: "cluster summary")
        let port = try #require(work.instance.ports.first).hostPort
        try await drove.expect("WEB-1", "\(port)", from: "cluster endpoints --vhost \(RunningWork.vhost)")
        #expect(try await !drove.run("cluster endpoints --vhost other.example.org").contains("WEB-1"))

        let row = try await drove.row(executor, of: "executor list")
        #expect(row[1] == work.instance.hostname && row[3] == "HTTP" && row.contains("ACTIVE"), "\(row)")
        try await drove.expect(executor, "Free cores:", "Used cores:", from: "executor info \(executor)")
        // What it calls CPU is the number of NUMA nodes: this instance has two cores.
        let app = try await drove.row(
            work.instance.id.rawValue,
            of: "executor appinstances \(executor) --sort 1 --reverse"
        )
        #expect(Array(app[1...5]) == ["WEB", "WEB-1", "1", "32", "HEALTHY"])
        let service = try await drove.row(
            work.serviceInstance.id.rawValue,
            of: "executor lsinstances \(executor) --sort 1 --reverse"
        )
        #expect(Array(service[1...5]) == ["LOCAL", "LOCAL-1", "1", "32", "HEALTHY"])
        let task = try await drove.row(
            work.task.instance.rawValue,
            of: "executor tasks \(executor) --app JOBS --sort 1 --reverse"
        )
        #expect(Array(task[1...5]) == ["JOBS", "LONG", "RUNNING", "1", "16"])
        #expect(try await !drove.run("executor tasks \(executor) --app OTHERS").contains("LONG"))
    }
}
