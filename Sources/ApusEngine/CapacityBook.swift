import ApusModel
import ApusPlacement
import HashTreeCollections

/// How many instances the executors could hold, for each application whose expected count is a share of that.
///
/// The sums are kept and moved by what changes: nothing walks all executors because one came or went.
struct CapacityBook: Sendable {
    /// What an executor that counts offers, whoever holds it.
    struct Offer: Hashable, Sendable {
        var topology: Topology
        var traits: HostTraits
    }

    /// An application that follows, and what it can have.
    private struct Follower: Hashable {
        var share: CapacityShare
        var resources: ResourceRequirements
        var policy: PlacementPolicy
        var environment: [String: String]
        var room = 0

        /// How many of its instances an executor could hold if it had nothing else.
        func room(on executor: ExecutorID, _ offer: Offer?) -> Int {
            guard let offer else { return 0 }
            let limit = policy.limit(on: executor, offer.traits, environment: environment)
            return limit > 0 ? min(limit, room(in: offer.topology)) : 0
        }

        private func room(in topology: Topology) -> Int {
            switch share.measure {
            case .cores:
                let multiplier = if case .shared(let multiplier) = topology.sharing { multiplier } else { 1 }
                return topology.nodes.reduce(0) { $0 + $1.cores.count * multiplier / max(resources.cores, 1) }
            case .memory:
                return topology.nodes.reduce(0) { $0 + Int($1.memoryMB / max(resources.memoryMB, 1)) }
            case .quantity(let name):
                let amount = topology.quantities[name] ?? 0
                return Int(clamping: max(amount, 0) / max(resources.quantities[name] ?? 1, 1))
            }
        }
    }

    private var offers: [ExecutorID: Offer] = [:]
    private var followers: [AppID: Follower] = [:]
    private var moved: Set<AppID> = []

    var hasMoved: Bool { !moved.isEmpty }

    /// What an executor offers now; `nil` once it does not count any more.
    mutating func offer(_ executor: ExecutorID, _ offer: Offer?) {
        let old = offers[executor]
        guard old != offer else { return }
        offers[executor] = offer
        for (app, follower) in followers {
            let difference = follower.room(on: executor, offer) - follower.room(on: executor, old)
            guard difference != 0 else { continue }
            followers[app]?.room += difference
            moved.insert(app)
        }
    }

    /// From now on the application is told of when its capacity changed.
    ///
    /// - Returns: how many instances its share is now.
    mutating func follow(_ spec: ApplicationSpec, _ share: CapacityShare) -> Int {
        var follower = Follower(
            share: share,
            resources: spec.resources,
            policy: spec.placementPolicy ?? .any,
            environment: spec.env
        )
        follower.room = offers.reduce(0) { $0 + follower.room(on: $1.key, $1.value) }
        followers[spec.id] = follower
        // The cluster may have changed since the application's count was right.
        moved.insert(spec.id)
        return share.count(ofRoomFor: follower.room)
    }

    mutating func leave(_ app: AppID) {
        followers[app] = nil
        moved.remove(app)
    }

    /// Those whose capacity changed, with how many instances that makes.
    mutating func takeMoved() -> [(app: AppID, count: Int)] {
        defer { moved = [] }
        return moved.sorted().compactMap { app in
            followers[app].map { (app, $0.share.count(ofRoomFor: $0.room)) }
        }
    }
}

extension Engine {
    /// Those whose expected count is a share of the cluster's capacity, after it changed.
    ///
    /// A silent executor counts until it is given up, so a count does not shrink and grow with every lost heartbeat.
    mutating func followCapacity(at times: Times) {
        for (app, count) in capacity.takeMoved() {
            guard let application = state.applications[app], let share = application.share else {
                capacity.leave(app)
                continue
            }
            // What a rollout takes instances from follows again when that has ended.
            guard count != application.expected, application.rolledOutTo == nil else { continue }
            effects.append(
                .note(
                    "\(app) follows its share of \(share.text): \(count) instances in place of \(application.expected)"
                )
            )
            state.applications[app]?.expected = count
            state.applications[app]?.updated = times.wall
            touch(app)
        }
    }

    /// Notes whether the application's count follows the cluster's capacity.
    mutating func follow(_ application: Application) {
        if let share = application.share {
            _ = capacity.follow(application.spec, share)
        } else {
            capacity.leave(application.id)
        }
    }
}
