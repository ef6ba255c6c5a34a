import ApusClient
import ApusContainers
import ApusModel
import Foundation
import Testing

extension ServiceTests {
    /// Images from a real registry, with a password and without.
    @Suite(.serialized) struct ImageTests {
        @Test(.timeLimit(.minutes(4)), arguments: [false, true])
        func `an image comes from a registry, shows nobody its password, and goes with its last container`(
            hasPassword: Bool
        ) async throws {
            let registry = try await RealRegistry(hasPassword: hasPassword)
            do {
                try await walk(registry, hasPassword)
            } catch {
                await registry.close()
                throw error
            }
            await registry.close()
        }

        private func walk(_ registry: RealRegistry, _ hasPassword: Bool) async throws {
            let socket = try needed("APUS_TEST_DOCKER_SOCKET")
            let image = try registry.push(DevCluster.image, as: "shop/web:1", on: socket)
            let file = "\(registry.folder)/registries.yaml"
            let text = "\(registry.address): {username: \(RealRegistry.username), password: \(RealRegistry.password)}\n"
            try text.write(toFile: file, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            try await withDevCluster(arguments: hasPassword ? ["--registries", file] : []) { cluster in
                let app = try await cluster.deploy(service("FETCHED", image: image), instances: 2)
                try await cluster.settle(app, at: 2)
                #expect(try await cluster.engine.imageID(of: image) != nil)
                try await expectNoPassword(cluster, app, socket)

                try await cluster.suspend(app)
                try await cluster.settle(app, at: 0)
                try await cluster.eventually("the image is gone") {
                    try check(try await cluster.engine.imageID(of: image) == nil, "it is still there")
                }
                #expect(try await cluster.engine.imageID(of: DevCluster.image) != nil, "one that was there stays")
            }
        }

        private func expectNoPassword(_ cluster: DevCluster, _ app: AppID, _ socket: String) async throws {
            var seen = try String(contentsOfFile: cluster.state + ".log", encoding: .utf8)
            for container in try await cluster.containers() {
                seen += try RealRegistry.run(
                    "docker",
                    ["-H", "unix://\(socket)", "inspect", container.id.rawValue]
                )
            }
            for path in ["applications/\(app)", "applications/\(app)/spec", "applications/\(app)/instances"] {
                seen += try await cluster.api.get(path).serialized
            }
            #expect(seen.count > 1000 && !seen.contains(RealRegistry.password))
        }

        @Test(.timeLimit(.minutes(3)))
        func `a tag that moves on is fetched at the next start, and what it meant before goes`() async throws {
            let registry = try await RealRegistry(hasPassword: false)
            do {
                try await move(registry)
            } catch {
                await registry.close()
                throw error
            }
            await registry.close()
        }

        private func move(_ registry: RealRegistry) async throws {
            let socket = try needed("APUS_TEST_DOCKER_SOCKET")
            let image = try registry.push(variant: "first", of: DevCluster.image, as: "shop/moving:1", on: socket)
            _ = try registry.push(variant: "second", of: DevCluster.image, as: "shop/moving:2", on: socket)
            try await withDevCluster { cluster in
                let app = try await cluster.deploy(service("MOVING", image: image), instances: 1)
                try await cluster.settle(app, at: 1)
                let first = try #require(try await cluster.engine.imageID(of: image))

                try registry.copy("shop/moving", from: "2", to: "1")
                _ = try await cluster.api.operate([
                    "type": "REPLACE_INSTANCES", "appId": app.json, "opSpec": DevCluster.opSpec(parallelism: 1),
                ])
                try await cluster.eventually("the tag means the second image") {
                    let id = try await cluster.engine.imageID(of: image)
                    try check(id != nil && id != first, "it means \(id ?? "none")")
                }
                try await cluster.settle(app, at: 1)
                try await cluster.eventually("the first image is gone", within: .seconds(90)) {
                    let names = try await cluster.engine.imageNames(of: first)
                    try check(names == nil, "it is there, named \(names ?? [])")
                }
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a registry that wants a password says so in the instance's reason`() async throws {
            let registry = try await RealRegistry(hasPassword: true)
            do {
                let image = try registry.push(
                    DevCluster.image,
                    as: "shop/web:1",
                    on: try needed("APUS_TEST_DOCKER_SOCKET")
                )
                try await withDevCluster { cluster in
                    let app = try await cluster.deploy(service("LOCKED", image: image), instances: 1)
                    try await cluster.eventually("the reason is told") {
                        let ended = try await cluster.api.endedInstances(of: app, atMost: 5)
                        try check(
                            ended.contains { $0.error.contains("no basic auth credentials") },
                            "\(ended.map(\.error))"
                        )
                    }
                }
            } catch {
                await registry.close()
                throw error
            }
            await registry.close()
        }
    }
}
