import ApusEngine
import ApusModel
import ApusPlacement
import ApusTelemetry
import HashTreeCollections
import Synchronization

/// The cluster in numbers (contract §9.1), from the last committed state; none while this controller does not lead.
final class ClusterGauges: Sendable {
    /// A walk over all executors and instances is not repeated sooner, however often somebody reads.
    private static let freshness = Duration.seconds(5)

    private let published: Published
    private let last = Mutex<(at: Moment, samples: [Sample])?>(nil)

    init(_ published: Published) { self.published = published }

    func samples(at now: Moment) -> [Sample] {
        guard let state = published.state else { return [] }
        return last.withLock { last in
            if let last, now - last.at < Self.freshness { return last.samples }
            let samples = ClusterNumbers(state).samples
            last = (now, samples)
            return samples
        }
    }
}

/// One state in numbers.
struct ClusterNumbers {
    let samples: [Sample]

    init(_ state: ClusterState) {
        let views = state.members.values.map { MemberView($0, in: state) }
        samples =
            Self.drove(state, views) + Self.executors(views) + Self.channels(views) + Self.shares(state, views)
    }

    private static func gauge(_ name: String, _ value: Int64) -> Sample {
        Sample(
            Series("apus.cluster.\(name)", path: "com.phonepe.drove.cluster.\(name)"),
            .gauge(Double(value))
        )
    }

    /// Drove's own.
    private static func drove(_ state: ClusterState, _ views: [MemberView]) -> [Sample] {
        let active = views.filter(\.isActive)
        let usages = active.map(\.member.usage)
        let (freeCores, usedCores) = (usages.reduce(0) { $0 + $1.freeCores }, usages.reduce(0) { $0 + $1.usedCores })
        let (free, used) = (usages.reduce(0) { $0 + $1.freeMemoryMB }, usages.reduce(0) { $0 + $1.usedMemoryMB })
        let applications = state.applications.values
        var (liveInstances, liveTasks) = (0, 0)
        for instance in state.instances.values {
            switch instance.owner {
            case .application: liveInstances += 1
            case .task: liveTasks += 1
            case .localService: break
            }
        }
        let ended = state.ended.reduce(0) { sum, entry in
            if case .application = entry.key {
                sum + entry.value.pages.reduce(0) { $0 + $1.entries.count }
            } else {
                sum
            }
        }
        return [
            gauge("resources.cpu.used", Int64(usedCores)), gauge("resources.cpu.free", Int64(freeCores)),
            gauge("resources.cpu.total", Int64(usedCores + freeCores)),
            gauge("resources.memory.used_mb", used), gauge("resources.memory.free_mb", free),
            gauge("resources.memory.total_mb", used + free),
            gauge("executors.active", Int64(active.count)),
            gauge("executors.inactive", Int64(views.count - active.count)),
            gauge("applications.running", Int64(applications.count { $0.state == .running })),
            gauge("applications.total", Int64(applications.count)),
            gauge("applications.instances.active", Int64(liveInstances)),
            gauge("applications.instances.inactive", Int64(ended)),
            gauge("tasks.instances.active", Int64(liveTasks)),
        ]
    }

    private struct Place: Hashable {
        var state: String
        var zone: String
    }

    /// How many stand where, by what is true of them.
    private static func executors(_ views: [MemberView]) -> [Sample] {
        let places = views.map { view in
            Place(state: view.standing, zone: view.member.description.zone ?? "none")
        }
        return Dictionary(places.map { ($0, 1) }, uniquingKeysWith: +).map { place, count in
            Sample(
                Series("apus.cluster.executors", ["state": place.state, "zone": place.zone]),
                .gauge(Double(count))
            )
        }
    }

    /// Of how many each fails, those that were given up included; one may be counted under several.
    private static func channels(_ views: [MemberView]) -> [Sample] {
        let failing = views.map { Set($0.member.failures.channels) }
        return NodeChannel.allCases.map { channel in
            Sample(
                Series("apus.cluster.executors.failing", ["channel": channel.rawValue]),
                .gauge(Double(failing.count { $0.contains(channel) }))
            )
        }
    }

    /// What is held of what there is, and what is really used of it, on all executors that are not given up: from 0 to 1.
    private static func shares(_ state: ClusterState, _ views: [MemberView]) -> [Sample] {
        let there = views.filter { !$0.member.isLost }
        var samples: [Sample] = []
        func share(_ kind: String, _ resource: String, _ part: Double, of whole: Double) {
            guard whole > 0 else { return }
            samples.append(Sample(Series("apus.cluster.\(kind).share", ["resource": resource]), .gauge(part / whole)))
        }
        let usages = there.map(\.member.usage)
        let (usedCores, freeCores) = (usages.reduce(0) { $0 + $1.usedCores }, usages.reduce(0) { $0 + $1.freeCores })
        let (used, free) = (usages.reduce(0) { $0 + $1.usedMemoryMB }, usages.reduce(0) { $0 + $1.freeMemoryMB })
        share("reserved", "cpu", Double(usedCores), of: Double(usedCores + freeCores))
        share("reserved", "memory", Double(used), of: Double(used + free))
        let disk = there.reduce(0) { $0 + ($1.member.description.topology.quantities[Topology.disk] ?? 0) }
        if disk > 0 { share("reserved", "disk", Double(heldDisk(state, there)), of: Double(disk)) }
        // Of whole machines, offered or not, and of those alone that have said what is free.
        var (processors, idle, memory, unused) = (0.0, 0.0, 0.0, 0.0)
        for load in there.compactMap(\.member.load) {
            guard let cores = load.processors, let total = load.totalMemoryMB else { continue }
            processors += Double(cores)
            idle += Double(load.freeCPU) / 1000
            memory += Double(total)
            unused += Double(load.freeMemoryMB)
        }
        share("used", "cpu", max(0, processors - idle), of: processors)
        share("used", "memory", max(0, memory - unused), of: memory)
        let (room, left) = disks(there)
        share("used", "disk", max(0, room - left), of: room)
        return samples
    }

    /// What those machines have and have free that measured both, in MB.
    private static func disks(_ views: [MemberView]) -> (total: Double, free: Double) {
        var (room, left) = (0.0, 0.0)
        for load in views.compactMap(\.member.load) {
            guard let total = load.totalDiskMB, let free = load.freeDiskMB else { continue }
            room += Double(total)
            left += Double(free)
        }
        return (room, left)
    }

    private static func heldDisk(_ state: ClusterState, _ views: [MemberView]) -> Int64 {
        views.reduce(0) { sum, view in
            view.instances.reduce(sum) { $0 + (state.quantities(of: $1.owner)[Topology.disk] ?? 0) }
        }
    }
}

extension MemberView {
    /// What is true of it, in one word: what operators want of it goes before how it is.
    fileprivate var standing: String {
        switch (member.presence, member.duty) {
        case (.lost, _): "LOST"
        case (.joining, .active): "JOINING"
        case (.silent, .active): "SILENT"
        case (.present, .active) where !member.obstacles.isEmpty: Duty.suspended.rawValue
        case (.present, .active): member.contact.isVerified ? isActive ? "ACTIVE" : "UNREADY" : "JOINING"
        case (_, let duty): duty.rawValue
        }
    }
}
