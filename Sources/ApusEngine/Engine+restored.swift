package import ApusModel
import HashTreeCollections

/// After an import what the store holds is old: nothing is stopped on its word, nothing of it is sent again.
extension Engine {
    /// Epochs grow by one with each leader: no store is so much older than its cluster.
    private static let mostEpochsBehind: Epoch = 1_000_000

    /// An executor has obeyed somebody under an epoch, or a sequence, that this leader has not come to: what the
    /// store holds is older than the cluster.
    ///
    /// The epoch is raised above it, else this executor would obey nobody; until people say so nothing is stopped.
    mutating func overtaken(by fence: Fence, on member: Member) {
        guard fence.epoch > epochMet ?? 0, fence.epoch - state.epoch <= Self.mostEpochsBehind,
            fence.epoch < Epochs.last
        else { return }
        epochMet = fence.epoch
        state.facts.restoration = Restoration(epoch: fence.epoch + 1)
        touched.insert(ClusterFacts.key)
        effects.append(
            .note(
                "executor \(member.id) (\(member.hostname)) has obeyed another leader of epoch \(fence.epoch), this one's "
                    + "is \(state.epoch): the stored state is old, and nothing unknown is stopped until that is confirmed"
            )
        )
        effects.append(.raiseEpoch(above: fence.epoch))
    }

    /// Nobody has confirmed yet that the imported state is to hold.
    var isRestored: Bool { state.facts.restoration?.isConfirmed == false }

    /// What was asked for before the import stops nothing until that is confirmed.
    func isHeld(orderedAt epoch: Epoch) -> Bool {
        guard let restoration = state.facts.restoration, !restoration.isConfirmed else { return false }
        return epoch < restoration.epoch
    }

    /// Its START may have been carried out, and its end forgotten, after the import's state was taken.
    func isOfBeforeRestoration(_ instance: Instance) -> Bool {
        state.facts.restoration.map { instance.epoch < $0.epoch } ?? false
    }

    /// What was to start before the import and is not known on its executor after this report, as it stands now, is
    /// lost.
    ///
    /// An executor that does not know an epoch of after the restoration may still take a START that is on its way: of an
    /// earlier leader, or of this one, sent before it met a greater epoch.
    mutating func endNeverStarted(on member: Member, at times: Times) {
        guard let restoration = state.facts.restoration, state.epoch >= restoration.epoch,
            member.acknowledged >= state.epoch
        else { return }
        for id in state.members[member.id]?.instances ?? [] {
            guard let instance = state.instances[id], case .assigned = instance.progress,
                isOfBeforeRestoration(instance)
            else { continue }
            end(id, as: .lost, cause: .executorLost, error: "not known after the restore", at: times)
        }
    }

    mutating func confirmRestoration(at times: Times) -> CommandOutcome {
        guard isRestored else { return .refused(["The cluster is not restored from an export"]) }
        let stops = state.stopsAfterRestoration
        // Who was to be stopped at once then may have been resumed since: tasks run to their ends.
        for id in leaving.sorted() {
            guard let member = state.members[id], member.duty == .suspendedAtOnce,
                isHeld(orderedAt: member.dutyOrdered)
            else { continue }
            state.members[id]?.duty = .suspended
            touched.insert(RecordKey(.member, id.rawValue))
        }
        state.facts.restoration?.isConfirmed = true
        touched.insert(ClusterFacts.key)
        _ = confirmStops(at: times)
        effects.append(.note("the restored state is confirmed: what it does not know is stopped from now on"))
        dirty.formUnion(state.applications.keys.map(Owner.application))
        dirty.formUnion(state.localServices.keys.map(Owner.localService))
        return .cluster(.restored(stops))
    }
}

/// What the end of RESTORED stops.
package struct StopsAfterRestoration: Hashable, Sendable {
    /// What belongs to nothing that the restored state knows.
    package var unknown: [HeldStop]
    /// Of each application and local service that has more instances than it expects, how many more.
    package var surplus: [Surplus]

    package struct Surplus: Hashable, Sendable {
        package var owner: Owner
        package var instances: Int
    }
}

extension ClusterState {
    package var stopsAfterRestoration: StopsAfterRestoration {
        let ofApplications = applications.values.map { application in
            let more = instances(of: application.id).count(where: \.isAlive) - application.expected
            return StopsAfterRestoration.Surplus(owner: .application(application.id), instances: more)
        }
        let ofServices = localServices.values.map { service in
            StopsAfterRestoration.Surplus(owner: .localService(service.id), instances: surplus(of: service))
        }
        let more = (ofApplications + ofServices).filter { $0.instances > 0 }
        return StopsAfterRestoration(unknown: heldStops, surplus: more.sorted { $0.owner < $1.owner })
    }

    private func surplus(of service: LocalService) -> Int {
        let alive = service.instances.keys.map { instances(of: service.id, on: $0).count(where: \.isAlive) }
        return switch service.activation {
        case .inactive: alive.reduce(0, +)
        case .configTesting: max(0, alive.reduce(0, +) - 1)
        case .active: alive.map { max(0, $0 - service.instancesPerHost) }.reduce(0, +)
        }
    }
}
