package import ApusModel
import ApusPlacement
import HashTreeCollections

/// Containers of this cluster that no application claims: each gets an explicit stop, unless so many would that it is
/// rather the controller that has forgotten.
extension Engine {
    /// So many stops on one executor are never held, nor are those of less than this part of its containers.
    private static let fewOnOneExecutor = 3
    private static let partOfContainers = 4
    /// So many instances of one application are all that there are of it.
    private static let severalOfOneApplication = 2

    mutating func stray(_ report: InstanceReport, on executor: ExecutorID, at times: Times) {
        if state.strays[report.id] == nil {
            guard state.strays.count < settings.mostStrays else {
                overlooked.insert(executor)
                return
            }
            effects.append(
                .note("\(report.id) on \(executor) belongs to nothing known (\(report.owner)): it will be stopped")
            )
            state.hold(report.id, of: report.owner, report.allocation, on: executor, in: &ledger)
            recount.insert(executor)
            let stray = Stray(executor: executor, owner: report.owner, state: report.state, seen: report)
            state.strays[report.id] = stray
            // Whoever else has some of the same is heard by then.
            wake(.stray(report.id), at: times.now + (isUnknown(stray) ? settings.strayPatience : .zero))
        } else {
            state.strays[report.id]?.state = report.state
            state.strays[report.id]?.seen = report
        }
    }

    /// One that is gone holds nothing any more; once many are, whoever has others is to tell all again.
    mutating func forgetStray(_ id: InstanceID) {
        guard state.strays.removeValue(forKey: id) != nil else { return }
        ledger.release(id)
        guard !overlooked.isEmpty, state.strays.count <= settings.mostStrays / 2 else { return }
        for executor in overlooked { state.members[executor]?.applied = 0 }
        overlooked = []
    }

    /// What it belongs to is not there, so that nothing but its absence speaks for stopping it.
    private func isUnknown(_ stray: Stray) -> Bool {
        switch stray.owner {
        case .application(let app): state.applications[app] == nil
        case .task(let task): state.tasks[task] == nil
        case .localService(let service): state.localServices[service] == nil
        }
    }

    /// Holds the stops of what is unknown where they cover too much; what is held stays so until it is confirmed.
    mutating func holdStops() {
        guard !state.strays.isEmpty else { return }
        var onExecutor: [ExecutorID: Int] = [:]
        var ofOwner: [Owner: Int] = [:]
        let candidates = state.strays.filter { $0.value.state.isAlive && !$0.value.isReleased }.sorted {
            $0.key < $1.key
        }
        for (_, stray) in candidates where isUnknown(stray) {
            onExecutor[stray.executor, default: 0] += 1
            ofOwner[stray.owner, default: 0] += 1
        }
        let strays = state.strays.values.reduce(into: [ExecutorID: Int]()) { $0[$1.executor, default: 0] += 1 }
        var newlyHeld: [ExecutorID: Int] = [:]
        for (id, stray) in candidates where !stray.isHeld {
            let known = state.members[stray.executor]?.instances.count ?? 0
            let containers = known + (strays[stray.executor] ?? 0)
            let limit = max(Self.fewOnOneExecutor, containers / Self.partOfContainers)
            let isMuch =
                isUnknown(stray)
                && (onExecutor[stray.executor] ?? 0 > limit || isWhole(stray.owner, ofOwner[stray.owner] ?? 0))
            guard isMuch || isRestored else { continue }
            state.strays[id]?.isHeld = true
            noted.strays.insert(id)
            newlyHeld[stray.executor, default: 0] += 1
        }
        for (executor, count) in newlyHeld.sorted(by: { $0.key < $1.key }) {
            effects.append(
                .note(
                    "\(count) stops on \(executor) are held, for they cover much that belongs to nothing known: "
                        + "see them with `apus executors confirm-stops --dry-run`"
                )
            )
        }
    }

    /// All that there is of an application or a local service that nobody knows.
    private func isWhole(_ owner: Owner, _ count: Int) -> Bool {
        switch owner {
        case .application, .localService: count >= Self.severalOfOneApplication
        case .task: false
        }
    }

    /// Lets the stops leave that are held now.
    mutating func confirmStops(at times: Times) -> [HeldStop] {
        let held = state.heldStops
        for stop in held {
            state.strays[stop.instance]?.isReleased = true
            state.strays[stop.instance]?.isHeld = false
            wake(.stray(stop.instance), at: times.now)
        }
        if !held.isEmpty { effects.append(.note("\(held.count) held stops are confirmed")) }
        return held
    }

    /// Tells the executor to stop a container that no application claims, until it has ended.
    mutating func repeatStop(ofStray id: InstanceID, at times: Times) {
        guard let stray = state.strays[id] else { return }
        // One that is ending may come back to life: its executor forgets a STOP that it could not write down.
        if stray.state.isAlive, !stray.isHeld, mayStop, !isInMaintenance,
            state.members[stray.executor]?.presence == .present
        {
            emit(.stop(id, reason(toStop: stray)), to: stray.executor)
            if !stray.isTold {
                state.strays[id]?.isTold = true
                noted.strays.insert(id)
            }
        }
        wake(.stray(id), at: times.now + settings.resendAfter)
    }

    /// A task that was given up is known, but must not go on.
    private func reason(toStop stray: Stray) -> StopReason {
        if case .task(let task) = stray.owner, state.tasks[task] != nil { .lost } else { .unknown }
    }

    mutating func adoptStrays(of owner: Owner, at times: Times) {
        for id in state.strays.keys.sorted() {
            guard let stray = state.strays[id], stray.owner == owner, stray.state.isAlive else { continue }
            adopt(stray.seen, on: stray.executor, at: times)
        }
    }
}

/// Where a container that no application claims was seen.
package struct Stray: Sendable {
    package var executor: ExecutorID
    package var owner: Owner
    package var state: InstanceState
    /// Its latest report: what it is adopted from if its application comes.
    package var seen: InstanceReport
    /// Its stop waits for people to confirm it.
    package var isHeld = false
    /// Somebody has.
    var isReleased = false
    /// A STOP has left for it.
    var isTold = false
}

/// A stop that waits until somebody confirms it.
package struct HeldStop: Hashable, Sendable {
    package var instance: InstanceID
    package var executor: ExecutorID
    package var owner: Owner
}

extension ClusterState {
    /// By instance.
    package var heldStops: [HeldStop] {
        strays.filter(\.value.isHeld).sorted { $0.key < $1.key }
            .map { HeldStop(instance: $0.key, executor: $0.value.executor, owner: $0.value.owner) }
    }
}
