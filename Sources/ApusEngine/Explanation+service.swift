package import ApusModel
package import ApusPlacement
import HashTreeCollections

extension ClusterState {
    /// How every executor stands to a local service, and what keeps it from having what is wanted there.
    ///
    /// - Returns: `nil` if there is no such service.
    package func explanation(of id: ServiceID, _ ledger: Ledger, at times: Times) -> Explanation? {
        guard let service = localServices[id] else { return nil }
        let wanted = wantedInstances(of: service)
        var explanation = explanation(wanting: wanted, instances(of: id), service.operation, at: times.wall)
        let placement: Explanation.Placement
        if service.activation == .active {
            let answers = members.keys.map { ($0, obstacle(of: service, on: $0, ledger, at: times.now)) }
            placement = Explanation.Placement(Dictionary(uniqueKeysWithValues: answers))
        } else {
            let owner = Owner.localService(id)
            let request = PlacementRequest(InstanceID(""), for: .localService(service.spec), group: group(of: owner))
            placement = Explanation.Placement(request, in: ledger)
        }
        explanation.placement = placement
        if explanation.alive < wanted, placement.fitting == 0 { explanation.hindrances.append(.noRoom) }
        return explanation
    }

    /// What keeps an executor from having as many as an active service wants there; `nil` if it has them.
    private func obstacle(
        of service: LocalService,
        on executor: ExecutorID,
        _ ledger: Ledger,
        at now: Moment
    ) -> Explanation.Obstacle? {
        let alive = instances(of: service.id, on: executor).filter(\.isAlive)
        let missing = service.instancesPerHost - alive.count
        guard missing > 0 else { return alive.allSatisfy(\.isHealthy) ? nil : .unhealthy }
        if let backoff = service.backoffs[executor], backoff.wait(at: now) != nil {
            return service.obstacle(on: executor).map { .failing($0) }
        }
        // The ledger holds the places that are kept for it.
        guard service.reserved[executor]?.count ?? 0 < missing else { return .due }
        let request = PlacementRequest(InstanceID(""), of: service.spec, on: executor)
        return ledger.refusal(of: request, on: executor).map(Explanation.Obstacle.refusal) ?? .due
    }
}
