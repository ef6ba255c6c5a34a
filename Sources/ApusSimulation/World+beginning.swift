import ApusModel

/// The machines and applications of a run.
extension World {
    mutating func drawExecutor(_ index: Int) -> SimulatedExecutor {
        var nodes: [Topology.Node] = []
        var sharing = Topology.Sharing.pinned
        var firstCore = 1
        for id in 0..<chances.profile.number(in: 1...2) {
            let count = plan.isRandom ? chances.profile.number(in: terrain.hasServices ? 10...16 : 8...14) : 8
            nodes.append(Topology.Node(id: id, cores: Array(firstCore..<firstCore + count), memoryMB: 16_384))
            firstCore += count
        }
        if chances.profile.hits(200) { sharing = .shared(multiplier: chances.profile.number(in: 2...3)) }
        let quantities = plan.isRandom ? [Terrain.quantity: Int64(chances.profile.number(in: 1...8))] : [:]
        let identity = NodeIdentity(
            cluster: cluster,
            id: ExecutorID("executor-\(index)"),
            key: NodeKey("key-\(index)"),
            incarnation: 0,
            hostname: "e\(index)",
            port: 11_000,
            transport: .http
        )
        return SimulatedExecutor(
            index: index,
            description: NodeDescription(
                topology: Topology(nodes: nodes, sharing: sharing, quantities: quantities),
                tags: terrain.hasTag(index) ? [Terrain.tag] : [],
                metadata: ["rack": "rack-\(index % 3)"],
                zone: terrain.zone(of: index)
            ),
            skew: plan.isRandom ? chances.profile.milliseconds(0...1800) - .milliseconds(900) : .zero,
            identity: identity,
            load: terrain.hasLoads ? drawLoad() : nil
        )
    }

    /// What others leave of the machine.
    mutating func drawLoad() -> NodeLoad {
        NodeLoad(
            freeMemoryMB: Int64(chances.profile.number(in: 100...30_000)),
            freeCPU: chances.profile.number(in: 100...24_000)
        )
    }

    /// What clients may ask for here.
    var policies: [PlacementPolicy?] {
        // Of the others each could be in the way of a spread over zones.
        guard !mayForceSpread else {
            return [
                nil, nil, .any, .spread(SpreadPolicy(.host, enforcement: .soft)), .spread(SpreadPolicy(.zone)),
            ]
        }
        var policies: [PlacementPolicy?] = [
            nil, .any, .onePerHost, .maxPerHost(2), .composite(policies: [.noTag, .maxPerHost(3)], combiner: .and),
            .composite(policies: [.ruleBased(Terrain.rule), .noTag], combiner: .and),
            .spread(SpreadPolicy(.host, enforcement: .soft)),
            .spread(SpreadPolicy(.metadata(key: "rack"), maxSkew: 2, enforcement: .soft)),
        ]
        if terrain.zones > 0 { policies.append(.spread(SpreadPolicy(.zone, enforcement: .soft))) }
        if canSpreadOverZones {
            policies += [.spread(SpreadPolicy(.zone)), .spread(SpreadPolicy(.zone, maxSkew: 2, scope: .version))]
        }
        guard terrain.hasTag else { return policies }
        return policies + [
            .matchTag(Terrain.tag), .composite(policies: [.matchTag(Terrain.tag), .onePerHost], combiner: .and),
        ]
    }

    static func specs(
        drawing chance: inout Chance,
        isRandom: Bool,
        _ policies: [PlacementPolicy?]
    ) -> [ApplicationSpec] {
        (0..<5).map { index in
            spec(
                "app-\(index)",
                cores: isRandom ? chance.number(in: 1...2) : 1,
                memoryMB: isRandom ? Int64(chance.number(in: 64...512)) : 128,
                policy: isRandom ? chance.pick(policies) ?? nil : nil,
                seconds: isRandom ? chance.number(in: 1...3) : 1,
                attempts: isRandom ? chance.number(in: 2...4) : 3,
                wait: isRandom ? chance.number(in: 0...6) : 0,
                hooks: isRandom ? drawHooks(&chance) : [],
                isCommandChecked: isRandom && chance.hits(200),
                // Two and two are behind one: rollouts move between them.
                vhost: "vhost-\(index / 2)"
            )
        }
    }

    private static func drawHooks(_ chance: inout Chance) -> [CheckMode] {
        guard chance.hits(500) else { return [] }
        return [.hook, .commandHook].filter { _ in chance.hits(600) }
    }

    /// Of an application that no client asks for.
    static let unknownSpec = spec("unknown", cores: 1, memoryMB: 64, policy: nil, seconds: 1, attempts: 3, wait: 0)

    static func taskSpec(_ id: TaskID, cores: Int, memoryMB: Int64, policy: PlacementPolicy?) -> TaskSpec {
        TaskSpec(
            sourceAppName: id.source,
            taskID: id.name,
            executable: Executable(url: "task:1"),
            resources: ResourceRequirements(cores: cores, memoryMB: memoryMB),
            placementPolicy: policy
        )
    }

    static func spec(
        _ name: String,
        cores: Int,
        memoryMB: Int64,
        policy: PlacementPolicy?,
        seconds: Int,
        attempts: Int,
        wait: Int,
        hooks: [CheckMode] = [],
        isCommandChecked: Bool = false,
        vhost: String? = nil
    ) -> ApplicationSpec {
        let check = CheckSpec(
            mode: isCommandChecked
                ? .command(CommandCheck(command: "check")) : .http(HTTPCheck(portName: "main", path: "/")),
            timeout: DurationText(1, .seconds),
            interval: DurationText(Int64(seconds), .seconds),
            attempts: attempts
        )
        return ApplicationSpec(
            name: name,
            version: "1",
            executable: Executable(url: "image:1"),
            exposedPorts: [PortSpec(name: "main", port: 8000)],
            resources: ResourceRequirements(cores: cores, memoryMB: memoryMB),
            placementPolicy: policy,
            healthcheck: check,
            readiness: check,
            exposureSpec: vhost.map { ExposureSpec(vhost: $0, portName: "main") },
            preShutdown: wait > 0 || !hooks.isEmpty
                ? PreShutdownSpec(hooks: hooks, waitBeforeKill: DurationText(Int64(wait), .seconds)) : nil
        )
    }
}
