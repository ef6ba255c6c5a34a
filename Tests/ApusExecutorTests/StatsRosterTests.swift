import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTelemetry
import Testing

/// What the engine answers for a container that has used so much.
func stats(
    cpuSeconds: Double = 0,
    memoryMB: Int64 = 64,
    cachedMB: Int64 = 0,
    sent: Int64 = 0,
    received: Int64 = 0
) throws -> ContainerStats {
    let json: JSON = [
        "read": "2026-11-22T00:00:00Z",
        "cpu_stats": [
            "cpu_usage": ["total_usage": .integer(Int64(cpuSeconds * 1e9))],
            "throttling_data": ["throttled_periods": 7],
        ],
        "memory_stats": [
            "usage": .integer((memoryMB + cachedMB) << 20), "max_usage": .integer(200 << 20),
            "limit": .integer(256 << 20), "stats": ["total_inactive_file": .integer(cachedMB << 20)],
        ],
        "networks": [
            "eth0": ["rx_bytes": .integer(received), "tx_bytes": .integer(sent), "tx_errors": 1, "rx_dropped": 2],
            "eth1": ["rx_bytes": 0, "tx_bytes": 0, "tx_errors": 2, "rx_dropped": 3],
        ],
        "blkio_stats": [
            "io_service_bytes_recursive": [
                ["major": 254, "minor": 0, "op": "Read", "value": 4096],
                ["major": 254, "minor": 16, "op": "read", "value": 1],
                ["major": 254, "minor": 0, "op": "Write", "value": 8192],
            ]
        ],
        "pids_stats": ["current": 3],
    ]
    return try #require(ContainerStats(engineJSON: json))
}

func found(_ number: Int, cores: Int = 2, owner: Owner = .application(AppID("WEB-1"))) -> FoundContainer {
    let labels = FoundLabels(
        instance: InstanceID("AI-\(number)"),
        owner: owner,
        appName: "WEB",
        allocation: ResourceAllocation(numaNode: 0, cores: Array(0..<cores), memoryMB: 256),
        ports: [],
        readiness: nil,
        health: nil,
        created: WallTime(milliseconds: 0),
        epoch: 1
    )
    return FoundContainer(container: ContainerID("c\(number)"), name: "", state: .running, labels: .ours(labels))
}

/// As the agent knows instances of them.
func instances(_ found: [FoundContainer]) -> [ContainerID: InstanceReport] {
    var known: [ContainerID: InstanceReport] = [:]
    for container in found {
        guard case .ours(let labels) = container.labels else { continue }
        known[container.container] = InstanceReport(
            id: labels.instance,
            owner: labels.owner,
            appName: labels.appName,
            state: .healthy,
            allocation: labels.allocation,
            ports: labels.ports,
            error: "",
            cause: nil,
            created: labels.created,
            updated: labels.created,
            revision: 1
        )
    }
    return known
}

extension StatsRoster {
    /// They run, and each is an instance's own.
    fileprivate mutating func list(_ found: [FoundContainer], at now: Moment) {
        list(found, of: instances(found), at: now)
    }
}

private func at(_ seconds: Double) -> Moment { .zero + .seconds(seconds) }

/// What is measured of containers, when, and what it is called.
struct StatsRosterTests {
    private let container = ContainerID("c1")

    private func value(_ roster: StatsRoster, _ number: String, _ prefix: String = "applications.WEB") -> Double? {
        let path = "com.phonepe.drove.executor.\(prefix).instance.AI-1.\(number)"
        guard case .gauge(let value)? = roster.samples.first(where: { $0.series.path == path })?.value else {
            return nil
        }
        return value
    }

    @Test func `a container that burns a core shows 100 percent, and half of that for each of its two cores`() throws {
        var roster = StatsRoster()
        roster.list([found(1)], at: .zero)
        roster.looked(at: container, try stats(cpuSeconds: 50), at: at(0))
        #expect(value(roster, "cpu_percentage_overall") == nil, "one look tells no rate")
        #expect(value(roster, "memory_usage") != nil)
        roster.looked(at: container, try stats(cpuSeconds: 80), at: at(30))
        #expect(value(roster, "cpu_percentage_overall") == 100)
        #expect(value(roster, "cpu_percentage_per_core") == 50)
        #expect(value(roster, "cpu_absolute_per_ms") == 1_000_000)
        #expect(value(roster, "cpu_cores_allocated") == 2)
        #expect(value(roster, "nr_throttled") == 7)
    }

    @Test func `memory, network and disk are what the container used, a second where it says so`() throws {
        var roster = StatsRoster()
        roster.list([found(1)], at: .zero)
        roster.looked(at: container, try stats(sent: 1_000, received: 5_000), at: at(0))
        roster.looked(at: container, try stats(memoryMB: 64, cachedMB: 100, sent: 31_000, received: 5_000), at: at(30))
        #expect(value(roster, "memory_usage") == Double(64 * 1_048_576), "what the kernel would give back is not used")
        #expect(value(roster, "memory_usage_percentage") == 25)
        #expect(value(roster, "memory_usage_max") == Double(200 * 1_048_576))
        #expect(value(roster, "memory_usage_limit") == Double(256 * 1_048_576))
        #expect(value(roster, "memory_allocated") == Double(256 * 1_048_576))
        #expect(value(roster, "network_tx_bytes") == 31_000)
        #expect(value(roster, "network_tx_per_sec_bytes") == 1_000)
        #expect(value(roster, "network_rx_bytes") == 5_000)
        #expect(value(roster, "network_rx_per_sec_bytes") == 0)
        #expect(value(roster, "network_tx_errors") == 3)
        #expect(value(roster, "network_rx_dropped") == 5)
        #expect(value(roster, "block_io_read_bytes") == 4_097, "bytes, not the numbers of devices")
        #expect(value(roster, "block_io_write_bytes") == 8_192)
        #expect(value(roster, "current_pid_usage") == 3)
    }

    @Test func `tasks and local services have names of their own`() throws {
        for (owner, prefix) in [
            (Owner.task(TaskID(source: "SRC", name: "T1")), "tasks.SRC"),
            (.localService(ServiceID("WEB-1")), "localservices.WEB"),
        ] {
            var roster = StatsRoster()
            roster.list([found(1, owner: owner)], at: .zero)
            roster.looked(at: container, try stats(), at: .zero)
            #expect(value(roster, "memory_usage", prefix) == Double(64 * 1_048_576))
        }
    }

    @Test func `nothing is left of what has ended, and nothing is told of what does not answer`() throws {
        var roster = StatsRoster()
        roster.list([found(1), found(2)], at: .zero)
        for number in 1...2 { roster.looked(at: ContainerID("c\(number)"), try stats(), at: .zero) }
        #expect(Set(roster.samples.map { $0.series.labels.last?.value }) == ["AI-1", "AI-2"])
        roster.ended(ContainerID("c2"))
        #expect(Set(roster.samples.map { $0.series.labels.last?.value }) == ["AI-1"])
        roster.looked(at: ContainerID("c2"), try stats(), at: at(1))
        #expect(Set(roster.samples.map { $0.series.labels.last?.value }) == ["AI-1"], "its last answer came late")
        roster.looked(at: container, nil, at: at(30))
        #expect(roster.samples.isEmpty)
        roster.looked(at: container, try stats(), at: at(60))
        roster.list([], at: at(61))
        #expect(roster.samples.isEmpty)
    }

    @Test func `a container that is no instance's own is not measured, whatever its labels say`() throws {
        var roster = StatsRoster()
        var forged = found(1)
        forged.container = ContainerID("c9")
        roster.list([found(1), forged], of: instances([found(1)]), at: .zero)
        #expect(roster.takeDue(at: .zero, beat: .seconds(1), mostUnderWay: 32) == [container])
        for id in [container, forged.container] { roster.looked(at: id, try stats(), at: .zero) }
        #expect(roster.samples.count(where: { $0.series.name == "apus.instance.memory_usage" }) == 1)
    }

    @Test func `one that appears is left alone while it starts; what was there before is measured at once`() {
        var roster = StatsRoster()
        roster.list([found(1)], at: .zero)
        #expect(roster.takeDue(at: .zero, beat: .seconds(1), mostUnderWay: 32) == [ContainerID("c1")])
        roster.list([found(1), found(2)], at: at(1))
        #expect(roster.takeDue(at: at(10), beat: .seconds(1), mostUnderWay: 32).isEmpty)
        #expect(roster.takeDue(at: at(11), beat: .seconds(1), mostUnderWay: 32) == [ContainerID("c2")])
    }

    @Test func `200 containers are looked at once in half a minute each, never many at a time`() throws {
        var roster = StatsRoster()
        roster.list((1...200).map { found($0) }, at: .zero)
        var looks: [ContainerID: [Int]] = [:]
        for second in 0..<600 {
            let due = roster.takeDue(at: at(Double(second)), beat: .seconds(1), mostUnderWay: 32)
            #expect(due.count <= 10)
            for id in due {
                roster.looked(at: id, try stats(), at: at(Double(second)))
                looks[id, default: []].append(second)
            }
        }
        #expect(looks.count == 200)
        for times in looks.values {
            // Once they have spread out.
            let late = times.filter { $0 >= 120 }
            #expect(zip(late, late.dropFirst()).allSatisfy { (29...33).contains($1 - $0) }, "\(late)")
        }
    }

    @Test func `while somebody looks at the figures they are measured every two seconds`() throws {
        var roster = StatsRoster()
        roster.list([found(1)], at: .zero)
        func due(_ seconds: Double) -> [ContainerID] {
            roster.takeDue(at: at(seconds), beat: .seconds(1), mostUnderWay: 32)
        }
        for second in [0.0, 5.0] {
            #expect(due(second) == [container])
            roster.looked(at: container, try stats(), at: at(second))
        }
        #expect(due(8).isEmpty)
        roster.watch(at: at(8))
        for second in [8.0, 10.0, 12.0] {
            #expect(due(second) == [container])
            roster.looked(at: container, try stats(), at: at(second))
            #expect(due(second + 1).isEmpty)
        }
        // Nobody has looked for ten seconds.
        #expect(due(18).isEmpty)
        #expect(due(42) == [container])
    }
}
