import ApusEngine
import ApusModel

/// What the clients were promised of local services: what the store must say of each, whatever crashed.
///
/// As with applications: a request counts from the moment the controller took it, and while it is unanswered it may be
/// in the store or not.
struct ServiceLedger: Sendable {
    enum Standing: Hashable, Sendable {
        case absent
        case there(ActivationState, instancesPerHost: Int)
        /// Its end was accepted: it is gone, or on its way.
        case leaving(ActivationState, instancesPerHost: Int)
    }

    private struct Open: Sendable {
        let request: RequestID
        let operation: LocalServiceOperation
    }

    /// One that is inactive is destroyed after so long.
    let keeps: Duration
    private var changed: [ServiceID: WallTime] = [:]
    private var settled: [ServiceID: Set<Standing>] = [:]
    private var open: [ServiceID: [Open]] = [:]

    init(keeps: Duration) { self.keeps = keeps }

    /// What was promised last, leaving out what is not answered yet.
    func standings(of service: ServiceID) -> Set<Standing> { settled[service] ?? [.absent] }

    mutating func taken(_ request: RequestID, _ command: Command) {
        guard case .localService(let operation) = command else { return }
        open[operation.serviceID, default: []].append(Open(request: request, operation: operation))
    }

    mutating func answered(_ request: RequestID, _ outcome: CommandOutcome) {
        for (service, waiting) in open {
            guard let index = waiting.firstIndex(where: { $0.request == request }) else { continue }
            open[service]?.remove(at: index)
            guard case .accepted = outcome else { return }
            settled[service] = Self.apply(waiting[index].operation, to: standings(of: service))
            return
        }
    }

    /// A record of the service was stored.
    mutating func stored(_ service: ServiceID, store: SimulatedStore, wall: WallTime) -> String? {
        let record = store.json(service)
        if record == nil, let age = changed[service].map({ wall - $0 }), age >= keeps,
            settled[service]?.contains(where: { if case .there(.inactive, _) = $0 { true } else { false } }) == true
        {
            settled[service] = [.absent]
        }
        changed[service] = record?.updated
        return contradiction(service, store: store)
    }

    /// What the store says wrongly of any.
    func contradiction(store: SimulatedStore) -> String? {
        settled.keys.sorted().lazy.compactMap { contradiction($0, store: store) }.first
    }

    private func allowed(_ service: ServiceID) -> Set<Standing> {
        (open[service] ?? []).reduce(standings(of: service)) { $0.union(Self.apply($1.operation, to: $0)) }
    }

    // MARK: what the store says

    /// A leader has loaded the store: what was not answered is in it or never will be.
    mutating func crashed(store: SimulatedStore) {
        for service in open.keys {
            let standings = allowed(service)
            open[service] = []
            settled[service] = standings.filter { Self.agrees($0, with: store.json(service)) }
        }
    }

    /// The store was put back: what it says is what was promised.
    mutating func restored(_ store: SimulatedStore) {
        (open, settled, changed) = ([:], [:], [:])
        for record in store.all where record.key.kind == .localService {
            let service = ServiceID(record.key.id)
            guard let json = store.json(service), let (activation, count) = Self.wish(in: json) else { continue }
            changed[service] = json.updated
            let isLeaving = json["operation"]?["kind"]?.text == "DESTROY"
            settled[service] = [
                isLeaving ? .leaving(activation, instancesPerHost: count) : .there(activation, instancesPerHost: count)
            ]
        }
    }

    /// What the store says wrongly of the service; `nil` if nothing.
    func contradiction(_ service: ServiceID, store: SimulatedStore) -> String? {
        let record = store.json(service)
        guard !allowed(service).contains(where: { Self.agrees($0, with: record) }) else { return nil }
        let stored = record.flatMap(Self.wish).map { "\($0.0.rawValue), \($0.1) a host" } ?? "nothing"
        let promised = standings(of: service).map { "\($0)" }.sorted().joined(separator: " or ")
        return
            "an accepted request is lost: of local service \(service) the store says \(stored), promised was \(promised)"
    }

    private static func wish(in record: JSON) -> (ActivationState, Int)? {
        guard let activation = record["activation"]?.text.flatMap(ActivationState.init(rawValue:)),
            let count = record["instancesPerHost"]?.integer
        else { return nil }
        return (activation, Int(count))
    }

    private static func agrees(_ standing: Standing, with record: JSON?) -> Bool {
        switch standing {
        case .absent: return record == nil
        case .there(let activation, let count), .leaving(let activation, let count):
            guard let record else {
                guard case .leaving = standing else { return false }
                return true
            }
            return wish(in: record).map { $0 == (activation, count) } ?? false
        }
    }

    private static func apply(_ operation: LocalServiceOperation, to standings: Set<Standing>) -> Set<Standing> {
        Set(standings.map { apply(operation, to: $0) })
    }

    private static func apply(_ operation: LocalServiceOperation, to standing: Standing) -> Standing {
        if case .create(_, let count) = operation { return .there(.inactive, instancesPerHost: count) }
        switch standing {
        case .absent: return .absent
        // If it is there still, its end had run out of time.
        case .there(let activation, let count), .leaving(let activation, let count):
            return switch operation {
            case .create, .adjustInstances, .replaceInstances, .stopInstances, .restart: standing
            case .activate: .there(.active, instancesPerHost: count)
            case .deactivate: .there(.inactive, instancesPerHost: count)
            case .deployTestInstance: .there(.configTesting, instancesPerHost: count)
            case .updateInstanceCount(_, let count): .there(activation, instancesPerHost: count)
            case .destroy: .leaving(activation, instancesPerHost: count)
            }
        }
    }
}

extension SimulatedStore {
    func json(_ service: ServiceID) -> JSON? { json(RecordKey(.localService, service.rawValue)) }
}
