import ApusClient
import ApusModel
import Foundation
import Testing

/// `drove apps` and `drove appinstances`.
extension ServiceTests.DroveClientTests {
    func useApplications(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let app = AppID("WEB-1")
        let spec = try drove.file("web.json", Self.ticking(service("WEB", interval: "200 ms")))
        try await drove.expect("Application created with app id: WEB-1", from: "apps create \(spec)")
        try await drove.expect(
            "Error: [400 - FAILED] Command validation failure.",
            "  - App WEB-1 already exists",
            from: "apps create \(spec)"
        )
        try await growing(app, cluster, drove)
        try await showing(app, cluster, drove)
        try await reading(app, cluster, drove)
        try await replacing(app, cluster, drove)
        try await drove.expect(
            "All instances suspended",
            from: "apps suspend WEB-1 --parallelism 2 --timeout 2m --wait"
        )
        try await cluster.settle(app, at: 0)
        try await destroy(app, cluster, drove)
        try await cancelling(cluster, drove)
    }

    private func growing(_ app: AppID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        for (command, total) in [("scale", 1), ("deploy", 2)] {
            try await drove.expect(
                "Required number of instances reached",
                from: "apps \(command) WEB-1 1 --parallelism 2 --timeout 2m --wait"
            )
            try await cluster.settle(app, at: total)
        }
    }

    private func showing(_ app: AppID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        let row = try await drove.row("WEB-1", of: "apps list --sort 1 --reverse")
        #expect(Array(row.prefix(7)) == ["WEB-1", "WEB", "RUNNING", "2", "64", "2", "2"])
        try await drove.expect("healthyInstances              2", from: "apps summary WEB-1")
        try await drove.expect("Error making Drove call: App NONE-1 not found", from: "apps summary NONE-1")
        #expect(try await drove.json("apps spec WEB-1")["name"] == "WEB")

        let instances = try await cluster.api.instances(of: app)
        let list = try await drove.run("appinstances list WEB-1 --sort 0 --reverse")
        let rows = list.split(separator: "\n").dropFirst(2).map { $0.split(whereSeparator: \.isWhitespace) }
        #expect(rows.map { String($0[0]) } == instances.map(\.id.rawValue).sorted(by: >))
        for instance in instances {
            let port = try #require(instance.ports.first).hostPort
            let row = rows.first { $0[0] == instance.id.rawValue }?.map(String.init)
            #expect(row?.dropFirst().prefix(3) == [instance.hostname, "main:\(port)", "HEALTHY"])
            try await drove.expect(
                instance.id.rawValue,
                "main: 8000->\(port) (HTTP)",
                from: "appinstances info WEB-1 \(instance.id.rawValue)"
            )
        }
    }

    /// What an instance writes.
    private func reading(_ app: AppID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        let one = try #require(try await cluster.api.instances(of: app).first).id.rawValue
        try await drove.expect("['output.log']", from: "appinstances logs WEB-1 \(one)")
        let tail = try await drove.follow(
            "appinstances tail WEB-1 \(one) --log output.log --skip-chars \(Self.logPrefix)"
        ) { process in
            try await cluster.eventually("it prints a line") { try check(process.said.contains("\n"), "not yet") }
        }
        #expect(Set(tail.split(separator: "\n")) == ["tick"], "\(tail)")
        let copy = "\(drove.folder)/application.log"
        try await drove.expect(
            "Downloading log to: \(copy)",
            "Downloaded size:",
            from: "appinstances download WEB-1 \(one) output.log --out \(copy)"
        )
        #expect(try String(contentsOfFile: copy, encoding: .utf8).contains(" out tick\n"))
        // There is nothing to read of one that nobody knows: no content, which the client takes for a failure.
        try await drove.expect("Drove call failed with status: 204", from: "appinstances logs WEB-1 AI-none")
    }

    private func replacing(_ app: AppID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        // Of one that is killed it says too that it was replaced.
        for (command, left) in [("replace", 2), ("kill", 1)] {
            let one = try #require(try await cluster.api.instances(of: app).first).id
            try await drove.expect(
                "All instances replaced",
                from: "appinstances \(command) WEB-1 \(one.rawValue) --parallelism 1 --timeout 2m --wait"
            )
            try await cluster.settle(app, at: left)
            #expect(try await cluster.api.instances(of: app).allSatisfy { $0.id != one }, "\(command)")
            try await drove.expect(one.rawValue, "STOPPED", from: "appinstances list WEB-1 --old")
        }
        let before = Set(try await cluster.api.instances(of: app).map(\.id))
        try await drove.expect(
            "All instances replaced",
            from: "apps restart WEB-1 --parallelism 2 --timeout 2m --wait"
        )
        try await cluster.settle(app, at: 1)
        #expect(Set(try await cluster.api.instances(of: app).map(\.id)).isDisjoint(with: before))
    }

    private func cancelling(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let app = AppID("SLOW-1")
        let spec = try drove.file("slow.json", Self.slow("SLOW"))
        try await drove.expect("Application created with app id: SLOW-1", from: "apps create \(spec)")
        try await drove.expect("Current operation could not be cancelled", from: "apps cancelop SLOW-1")
        try await drove.expect("Application scaling command accepted", from: "apps scale SLOW-1 1")
        try await drove.expect(
            "Operation cancellation request registered :success",
            from: "apps cancelop SLOW-1"
        )
        #expect(try await cluster.api.application(app).lastOperation?.outcome == "CANCELLED")
        try await drove.expect("Application scaling command accepted", from: "apps scale SLOW-1 0")
        try await cluster.settle(app, at: 0)
        try await destroy(app, cluster, drove)
    }

    private func destroy(_ app: AppID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        try await drove.expect("Application destroyed", from: "apps destroy \(app.rawValue)")
        try await cluster.eventually("it is gone") {
            try check(try await cluster.api.applications().allSatisfy { $0.id != app }, "it is listed")
        }
    }
}
