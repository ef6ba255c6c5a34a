import ApusEngine
import ApusModel

/// The machines of a run: how many, in which zones, with which tags, and which of them will be lost.
struct Terrain: Sendable {
    static let tag = "ssd"
    /// Where the rule that clients may ask for does not let an application be.
    static let barredRack = "rack-0"
    /// What machines have of beside cores and memory.
    static let quantity = "licences"
    static let rule = PlacementRule("'/allocatedExecutorNodeMetadata/rack' != '\(barredRack)'")
    /// Local services that clients may ask for, and the most instances of each on one machine.
    static let services = 2
    static let mostPerHost = 2

    let count: Int
    /// 0: nobody said where the machines stand.
    let zones: Int
    /// Every fifth machine has the tag.
    let hasTag: Bool
    /// Clients ask for local services: every machine keeps room for them.
    let hasServices: Bool
    /// The machine that will die, if one will.
    let doomed: Int?
    /// Machines measure what is free on them.
    let hasLoads: Bool
    /// Operators may have all applications spread over the zones that do not say otherwise.
    let forcesSpread: Bool
    /// Clients move what they want from one application to another.
    let hasRollouts: Bool
    /// How long what has ended is kept.
    let retention: Retention

    init(drawing chance: inout Chance, _ plan: Plan) {
        guard plan.isRandom else {
            (count, zones, hasTag, hasServices, doomed) = (plan.executors ?? 2, 0, false, false, nil)
            (hasLoads, forcesSpread, hasRollouts, retention) = (false, false, false, Retention())
            return
        }
        // Most clusters are small, so that there is time for many of them.
        let range =
            switch chance.number(in: 0...9) {
            case 0...6: 5...8
            case 7, 8: 9...14
            default: 15...30
            }
        count = plan.executors ?? chance.number(in: range)
        zones = chance.hits(900) ? chance.number(in: 2...4) : 0
        hasTag = chance.hits(500)
        hasServices = chance.hits(400)
        doomed = chance.hits(600) ? 0 : nil
        hasLoads = chance.hits(600)
        forcesSpread = chance.hits(300)
        retention = chance.hits(350) ? Retention(drawing: &chance) : Retention()
        hasRollouts = chance.hits(800)
    }

    func zone(of index: Int) -> String? { zones > 0 ? "zone-\(index % zones)" : nil }
    func hasTag(_ index: Int) -> Bool { hasTag && index % 5 == 4 }

    /// The machines of a zone.
    func machines(in zone: Int) -> [Int] { (0..<count).filter { $0 % zones == zone } }
}

extension Retention {
    /// What has ended is forgotten within the run.
    fileprivate init(drawing chance: inout Chance) {
        self.init()
        checkInterval = chance.milliseconds(5000...20_000)
        applications = chance.milliseconds(30_000...120_000)
        instances = chance.milliseconds(60_000...200_000)
        tasks = chance.milliseconds(20_000...120_000)
        services = chance.milliseconds(30_000...120_000)
        mostInstances = chance.number(in: 4...20)
    }

    /// The default keeps everything for longer than a run.
    var isShort: Bool { tasks < .seconds(3600) }
}

/// How much clients may want, so that at the end all of it finds a place whatever was placed where.
extension World {
    /// The machines that policies like this one's may use.
    private func hosts(of spec: ApplicationSpec) -> [SimulatedExecutor] {
        executors.filter { $0.index != terrain.doomed && terrain.hasTag($0.index) == spec.wantsTag }
    }

    /// What the smallest of these machines holds, but for what fragments may take of it.
    private func leastRoom(of hosts: [SimulatedExecutor]) -> Int {
        let rooms = hosts.map { host in
            host.description.topology.nodes.reduce(0) { $0 + host.description.topology.slots(of: $1).count }
        }
        return (rooms.min() ?? 0) - 2 - (terrain.hasServices ? Terrain.services * Terrain.mostPerHost : 0)
    }

    /// The most cores that may be wanted of those machines in all.
    private func coresToWant(of hosts: [SimulatedExecutor]) -> Int {
        let least = leastRoom(of: hosts)
        // A machine must not be full of others when a local service comes to it.
        return terrain.hasServices ? least : max(least - 2, min(36, hosts.count * least / 3))
    }

    /// Whether each zone has room for all that may be wanted, so that no spread over zones can be in its own way.
    var canSpreadOverZones: Bool {
        let hosts = executors.filter { $0.index != terrain.doomed && !terrain.hasTag($0.index) }
        guard terrain.zones > 0 else { return false }
        let fewest = (0..<terrain.zones).map { zone in hosts.count { $0.index % terrain.zones == zone } }.min() ?? 0
        return fewest * leastRoom(of: hosts) >= coresToWant(of: hosts)
    }

    /// Operators may have everything spread over the zones.
    var mayForceSpread: Bool { terrain.forcesSpread && canSpreadOverZones }

    /// The most instances of the application that can run at once.
    private func mostInstances(of spec: ApplicationSpec) -> Int {
        let hosts = hosts(of: spec)
        let least = leastRoom(of: hosts)
        // So many may be full of others.
        let free = hosts.count - coresToWant(of: hosts) / max(1, least)
        return min(RequestLedger.most, spec.placementPolicy?.mostPerHost.map { $0 * free } ?? RequestLedger.most)
    }

    /// How many instances of it may be wanted beside all that may be wanted of the others.
    func room(for spec: ApplicationSpec) -> Int {
        let others = specs.filter { $0.id != spec.id && $0.wantsTag == spec.wantsTag }.reduce(0) { sum, other in
            sum + oracle.requests.mostWanted(other.id) * other.resources.cores
        }
        let cores = coresToWant(of: hosts(of: spec)) - others
        return min(mostInstances(of: spec), max(0, cores) / spec.resources.cores)
    }
}

extension ApplicationSpec {
    /// It goes to machines with the tag, and only there.
    var wantsTag: Bool { placementPolicy?.wantsTag ?? false }
}

extension PlacementPolicy {
    var wantsTag: Bool {
        switch self {
        case .matchTag: true
        case .composite(let policies, _): policies.contains(where: \.wantsTag)
        default: false
        }
    }

    /// The most instances of one application on one machine, if that is limited.
    var mostPerHost: Int? {
        switch self {
        case .onePerHost: 1
        case .maxPerHost(let limit): limit
        case .composite(let policies, .and): policies.compactMap(\.mostPerHost).min()
        default: nil
        }
    }
}
