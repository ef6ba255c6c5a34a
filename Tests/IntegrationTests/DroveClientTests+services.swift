import ApusClient
import ApusModel
import Foundation
import Testing

/// `drove localservices` and `drove lsinstances`.
extension ServiceTests.DroveClientTests {
    private static let id = ServiceID("LOCAL-1")

    func useServices(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let spec = try drove.file("local.json", Self.starting(in: "3 seconds"))
        try await drove.expect(
            "Local service created with service id: LOCAL-1",
            from: "localservices create \(spec) --instances 1"
        )
        // It says this too where one instance is tried only.
        try await drove.expect("Local service activated", from: "localservices conftest LOCAL-1")
        try await settle(at: 1, cluster)
        let row = try await drove.row("LOCAL-1", of: "localservices list --sort 1 --reverse")
        #expect(Array(row.prefix(8)) == ["LOCAL-1", "LOCAL", "CONFIG_TESTING", "CONFIG_TESTING", "1", "32", "1", "1"])
        try await drove.expect("Local service activated", from: "localservices activate LOCAL-1")
        try await settle(at: 1, cluster)
        try await drove.expect("activationState               ACTIVE", from: "localservices summary LOCAL-1")
        #expect(try await drove.json("localservices spec LOCAL-1")["name"] == "LOCAL")

        try await readInstance(cluster, drove)
        try await replaceInstances(cluster, drove)
        try await drove.expect("Local service deactivated", from: "localservices deactivate LOCAL-1")
        try await settle(at: 0, cluster)
        try await destroy(Self.id, cluster, drove)
        try await cancelAdjustment(cluster, drove)
    }

    /// Its instances take so long before they are healthy.
    private static func starting(in time: String) -> JSON {
        let spec = local(ticking(service("LOCAL", interval: "200 ms")))
        return spec.with(["readiness": spec["readiness"]?.with(["initialDelay": .string(time)]) ?? .null])
    }

    private func settle(at count: Int, without gone: InstanceID? = nil, _ cluster: DevCluster) async throws {
        try await cluster.eventually("\(Self.id) settles at \(count)") {
            let service = try await cluster.api.service(Self.id)
            let ids = try await cluster.api.instances(of: Self.id).map(\.id)
            try check(
                service.isSettled && service.healthy == count && !ids.contains { $0 == gone },
                "wanted \(service.wanted), live \(ids), healthy \(service.healthy), \(service.obstacles)"
            )
        }
    }

    private func readInstance(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let instance = try #require(try await cluster.api.instances(of: Self.id).first)
        let (one, port) = (instance.id.rawValue, try #require(instance.ports.first).hostPort)
        let row = try await drove.row(one, of: "lsinstances list LOCAL-1 --sort 0 --reverse")
        #expect(Array(row.prefix(4)) == [one, instance.hostname, "main:\(port)", "HEALTHY"])
        try await drove.expect(one, "main: 8000->\(port) (HTTP)", from: "lsinstances info LOCAL-1 \(one)")
        try await drove.expect("['output.log']", from: "lsinstances logs LOCAL-1 \(one)")
        let tail = try await drove.follow(
            "lsinstances tail LOCAL-1 \(one) --log output.log --skip-chars \(Self.logPrefix)"
        ) { process in
            try await cluster.eventually("it prints a line") { try check(process.said.contains("\n"), "not yet") }
        }
        #expect(Set(tail.split(separator: "\n")) == ["tick"], "\(tail)")
        let copy = "\(drove.folder)/service.log"
        try await drove.expect(
            "Downloaded size:",
            from: "lsinstances download LOCAL-1 \(one) output.log --out \(copy)"
        )
        #expect(try String(contentsOfFile: copy, encoding: .utf8).contains(" out tick\n"))
    }

    private func replaceInstances(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let first = try #require(try await cluster.api.instances(of: Self.id).first).id
        try await drove.expect(
            "All instances replaced",
            from: "localservices restart LOCAL-1 --stop --parallelism 1 --timeout 2m --wait"
        )
        try await settle(at: 1, without: first, cluster)
        try await drove.expect(first.rawValue, "STOPPED", from: "lsinstances list LOCAL-1 --old")
        try await drove.expect(
            "Local service instance count updated",
            from: "localservices update LOCAL-1 2"
        )
        try await settle(at: 2, cluster)
        try await replaceWithoutWaiting(cluster, drove)
        let second = try #require(try await cluster.api.instances(of: Self.id).first).id
        try await drove.expect(
            "Instance(s) replace command accepted.",
            from: "lsinstances replace LOCAL-1 \(second.rawValue) --stop"
        )
        try await settle(at: 2, without: second, cluster)
        let third = try #require(try await cluster.api.instances(of: Self.id).first).id
        try await drove.expect(
            "Remaining old instance count: 0",
            from: "lsinstances kill LOCAL-1 \(third.rawValue) --parallelism 1 --timeout 2m --wait"
        )
        try await settle(at: 2, without: third, cluster)
    }

    /// Asked to wait, the client looks for an application of the service's name, finds no instances of it, and says that
    /// all is done; the old instance stands until its successor is healthy, three seconds later.
    private func replaceWithoutWaiting(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let one = try #require(try await cluster.api.instances(of: Self.id).first).id
        try await drove.expect(
            "Remaining old instance count: 0\nAll instances replaced",
            from: "lsinstances replace LOCAL-1 \(one.rawValue) --parallelism 1 --timeout 2m --wait"
        )
        #expect(try await cluster.api.instances(of: Self.id).contains { $0.id == one }, "it is still there")
        try await settle(at: 2, without: one, cluster)
    }

    /// An adjustment, which this client cannot ask for, of a service that never becomes healthy.
    private func cancelAdjustment(_ cluster: DevCluster, _ drove: DroveClient) async throws {
        let id = ServiceID("SLOW_LOCAL-1")
        let spec = try drove.file("slow-local.json", Self.local(Self.slow("SLOW_LOCAL")))
        _ = try await drove.run("localservices create \(spec)")
        _ = try await drove.run("localservices activate SLOW_LOCAL-1")
        try await drove.expect(
            "Current operation could not be cancelled",
            from: "localservices cancelop SLOW_LOCAL-1"
        )
        try await cluster.api.operateService(["type": "ADJUST_INSTANCES", "serviceId": id.json])
        try await drove.expect(
            "Operation cancellation request registered :success",
            from: "localservices cancelop SLOW_LOCAL-1"
        )
        #expect(try await cluster.api.service(id).lastOperation?.outcome == "CANCELLED")
        _ = try await drove.run("localservices deactivate SLOW_LOCAL-1")
        try await destroy(id, cluster, drove)
    }

    private func destroy(_ id: ServiceID, _ cluster: DevCluster, _ drove: DroveClient) async throws {
        try await drove.expect("Local service destroyed", from: "localservices destroy \(id.rawValue)")
        try await cluster.eventually("it is gone") {
            try check(try await cluster.api.services().allSatisfy { $0.id != id }, "it is listed")
        }
    }
}
