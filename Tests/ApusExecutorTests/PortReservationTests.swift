import ApusContainers
import ApusExecutor
import ApusModel
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(1)))
struct PortReservationTests {
    private static let web = PortSpec(name: "main", port: 8_000, type: .http)
    private static let dns = PortSpec(name: "dns", port: 5_353, type: .udp)

    @Test
    func `no port is handed out twice while it is held`() throws {
        var held: [PortReservation] = []
        for _ in 0..<50 {
            held.append(
                try PortReservation(ports: [Self.web, Self.dns, Self.web], address: "127.0.0.1", excluding: [])
            )
        }
        let web = held.flatMap { [$0.mappings[0].hostPort, $0.mappings[2].hostPort] }
        let dns = held.map { $0.mappings[1].hostPort }
        #expect(Set(web).count == web.count)
        #expect(Set(dns).count == dns.count)
        #expect(web.allSatisfy { (1_024...65_535).contains($0) })
        #expect(held[0].mappings.map(\.containerPort) == [8_000, 5_353, 8_000])
        #expect(held[0].mappings.map(\.type) == [.http, .udp, .http])
    }

    @Test
    func `a port that an instance owns is never chosen`() throws {
        // All ports but the upper half of the kernel's usual range belong to someone.
        let owned = Set(1_024...45_000)
        for _ in 0..<20 {
            let reservation = try PortReservation(ports: [Self.web], address: "127.0.0.1", excluding: owned)
            #expect(reservation.mappings[0].hostPort > 45_000)
        }
    }

    @Test
    func `an instance's own ports are held again though they are in use by it`() throws {
        let first = try PortReservation(ports: [Self.web, Self.dns], address: "127.0.0.1", excluding: [])
        first.release()
        let again = try PortReservation(
            ports: [Self.web, Self.dns],
            address: "127.0.0.1",
            excluding: Set(first.mappings.map(\.hostPort)),
            again: first.mappings
        )
        #expect(again.mappings == first.mappings)
    }

    @Test
    func `an address that is not this machine's is refused with its name`() {
        for address in ["192.0.2.1", "somewhere"] {
            let error = #expect(throws: PortReservationError.self) {
                try PortReservation(ports: [Self.web], address: address, excluding: [])
            }
            #expect(error?.description.contains(address) == true)
        }
    }

    @Test
    func `the engine binds a port that is still held, and it answers`() async throws {
        let reservation = try PortReservation(ports: [Self.web, Self.dns], address: "127.0.0.1", excluding: [])
        try await publish(reservation.mappings) { engine, id in
            reservation.yieldToEngine()
            try await engine.start(id)
            #expect(try await engine.inspect(id).ports.count == 2)
            let port = reservation.mappings[0].hostPort
            #expect(try await answers(port: port), "while held")
            reservation.release()
            #expect(try await answers(port: port), "after release")
        }
    }

    /// Creates a container with these ports published and removes it in the end.
    private func publish(
        _ mappings: [PortMapping],
        _ body: (DockerEngine, ContainerID) async throws -> Void
    ) async throws {
        let missing = "is not set: run scripts/test, which starts a Docker engine and builds the image"
        let environment = ProcessInfo.processInfo.environment
        let socket = try #require(
            environment["APUS_TEST_DOCKER_SOCKET"],
            "APUS_TEST_DOCKER_SOCKET \(missing)"
        )
        let image = try #require(environment["APUS_TEST_IMAGE"], "APUS_TEST_IMAGE \(missing)")
        let engine = DockerEngine(socketPath: socket)
        let plan = ContainerPlan(
            name: "ports-\(UUID().uuidString)",
            image: image,
            ports: mappings.map {
                PublishedPort(
                    hostAddress: "127.0.0.1",
                    hostPort: $0.hostPort,
                    containerPort: $0.containerPort,
                    transport: $0.type == .udp ? .udp : .tcp
                )
            },
            memoryMB: 64
        )
        let id = try await engine.create(plan)
        do {
            try await body(engine, id)
        } catch {
            Issue.record(error)
        }
        try await engine.remove(id, force: true, volumes: true)
        try await engine.shutdown()
    }

    /// Whether the port answers before ten seconds are over: the container needs a moment to listen.
    private func answers(port: Int) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(10)
        let probe = HTTPProbe(check: HTTPCheck(portName: "main", path: "/"), port: port, timeout: .seconds(2))
        while ContinuousClock.now < end {
            if try await probe.run() == .passed { return true }
        }
        return false
    }
}
