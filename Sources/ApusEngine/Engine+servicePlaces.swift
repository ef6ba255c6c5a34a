import ApusModel
import ApusPlacement
import HashTreeCollections

/// Local services: one more on a host, or its place kept free.
extension Engine {
    /// Places one more on the host.
    ///
    /// - Returns: `false` if that is not to be now.
    mutating func start(
        _ service: LocalService,
        on host: ExecutorID,
        budget: inout Int,
        at times: Times
    ) -> Bool {
        guard budget > 0 else {
            dirtyHosts[service.id, default: []].insert(host)
            return false
        }
        if let wait = state.localServices[service.id]?.backoffs[host]?.wait(at: times.now) {
            wake(.host(service.id, host), at: times.now + wait)
            return false
        }
        let id = InstanceID("SI-\(random.uuid())")
        let request = PlacementRequest(id, of: service.spec, on: host)
        if let reason = ledger.refusal(of: request, on: host) {
            note(reason, of: service, on: host)
            return false
        }
        guard case .placed(let executor, let allocation) = ledger.place(request, tieBreak: 0) else { return false }
        budget -= 1
        insert(
            Instance(
                id,
                of: .localService(service.id),
                on: executor,
                allocation,
                epoch: state.epoch,
                generation: state.localServices[service.id]?.backoffs[executor]?.generation ?? 0,
                at: times.wall
            )
        )
        state.localServices[service.id]?.shortfalls[executor] = nil
        sendStart(of: id, at: times.now)
        return true
    }

    /// Keeps its place on the host free for what may not start yet.
    mutating func reserve(_ count: Int, of service: LocalService, on host: ExecutorID) {
        var held: [InstanceID] = []
        for number in 0..<max(0, count) {
            let id = InstanceID("reserved/\(service.id)/\(host)/\(number)")
            guard case .placed = ledger.place(PlacementRequest(id, of: service.spec, on: host), tieBreak: 0) else {
                break
            }
            held.append(id)
        }
        state.localServices[service.id]?.reserved[host] = held.isEmpty ? nil : held
    }

    /// It waits for room there, and says so once.
    private mutating func note(_ reason: RefusalReason, of service: LocalService, on host: ExecutorID) {
        tally.count(.placementRefused(reason.kind))
        noted.unplaced.insert(.localService(service.id))
        if state.localServices[service.id]?.shortfalls[host] != reason {
            let name = state.members[host]?.hostname ?? host.rawValue
            effects.append(.note("local service \(service.id) has no room on \(name): \(reason)"))
        }
        state.localServices[service.id]?.shortfalls[host] = reason
    }
}
