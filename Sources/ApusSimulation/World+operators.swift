import ApusEngine
import ApusModel
import HashTreeCollections

/// Operators keep executors from work, retire them, and put the cluster into maintenance, and take it back.
extension World {
    mutating func operatorActs() {
        guard !isCalm else { return }
        request(drawClusterCommand())
        agenda.add(.operatorActs, after: chances.requests.milliseconds(2000...30_000))
    }

    private mutating func drawClusterCommand() -> Command? {
        guard let state = controller.process?.turn.committed else { return nil }
        if state.facts.mode == .maintenance { return chances.requests.hits(500) ? .cluster(.setMode(.normal)) : nil }
        if chances.requests.hits(100) { return .cluster(.setMode(.maintenance)) }
        if chances.requests.hits(120) { return .cluster(.setSpread(drawSpread())) }
        let leaving = state.members.values.filter(\.duty.isLeaving).sorted { $0.id < $1.id }
        // Enough is left to work with.
        if !leaving.isEmpty, leaving.count * 4 >= executors.count || chances.requests.hits(500) {
            return chances.requests.pick(leaving).map(World.takingBack)
        }
        guard let index = chances.requests.pick(executors.indices) else { return nil }
        return .cluster(.order(drawOrder(), drawSelection(index)))
    }

    private mutating func drawSpread() -> SpreadPolicy? {
        var spreads: [SpreadPolicy?] = [
            nil, nil, SpreadPolicy(.host, enforcement: .soft),
            SpreadPolicy(.metadata(key: "rack"), maxSkew: 2, enforcement: .soft),
        ]
        if terrain.zones > 0 { spreads.append(SpreadPolicy(.zone, enforcement: .soft)) }
        if mayForceSpread { spreads += [SpreadPolicy(.zone), SpreadPolicy(.zone, maxSkew: 2)] }
        return chances.requests.pick(spreads) ?? nil
    }

    private mutating func drawSelection(_ index: Int) -> ExecutorSelection {
        if chances.requests.hits(100), executors.count > 9, let zone = terrain.zone(of: index) {
            return ExecutorSelection(zones: [zone])
        }
        if chances.requests.hits(100) { return ExecutorSelection(tags: [executors[index].identity.hostname]) }
        return ExecutorSelection(ids: [executors[index].identity.id])
    }

    private mutating func drawOrder() -> DutyOrder {
        switch chances.requests.number(in: 0...5) {
        case 0, 1: .blacklist
        case 2: .suspend(.finishing)
        case 3: .suspend(.atOnce(isConfirmed: false))
        case 4: .suspend(.atOnce(isConfirmed: true))
        default: .retire
        }
    }

    /// What ends a member's duty.
    private static func takingBack(_ member: Member) -> Command {
        let order: DutyOrder =
            switch member.duty {
            case .blacklistRequested, .blacklisted: .unblacklist
            case .active, .suspended, .suspendedAtOnce, .retiring: .resume
            }
        return .cluster(.order(order, ExecutorSelection(ids: [member.id])))
    }

    /// When all is calm operators take back whatever they asked for, and start what was retired again.
    mutating func takeBack() {
        guard let state = controller.process?.turn.committed else { return }
        if state.facts.mode == .maintenance { agenda.add(.requestArrives(.cluster(.setMode(.normal))), after: .zero) }
        if state.facts.restoration?.isConfirmed == false {
            agenda.add(.requestArrives(.cluster(.confirmRestoration)), after: .zero)
        }
        for member in state.members.values.sorted(by: { $0.id < $1.id }) where member.duty.isLeaving {
            agenda.add(.requestArrives(World.takingBack(member)), after: .zero)
        }
        for executor in executors where state.facts.retired.contains(where: { $0.id == executor.identity.id }) {
            guard let process = executor.process, agenda.now > process.began + .seconds(20) else { continue }
            crashExecutor(executor.index, .executorCrash, pause: .seconds(1))
        }
    }

    /// What is still as operators wanted it for a while; `nil` if nothing is.
    func faultOfDuties(_ state: ClusterState) -> String? {
        if state.facts.mode == .maintenance { return "the cluster is in maintenance" }
        if state.facts.restoration?.isConfirmed == false { return "the restored state is not confirmed" }
        if let member = state.members.values.first(where: \.duty.isLeaving) {
            return "\(member.id) is \(member.duty.rawValue)"
        }
        return executors.first { executor in
            !executor.isGone && state.members[executor.identity.id] == nil
        }.map { "e\($0.index) is no member" }
    }

    mutating func countOrders(_ command: Command) {
        guard case .cluster(let asked) = command else { return }
        switch asked {
        case .setMode(.maintenance): met(.maintenance)
        case .setMode(.normal): break
        case .order(.blacklist, _): met(.executorBlacklisted)
        case .order(.suspend(.finishing), _): met(.executorSuspended)
        case .order(.suspend(.atOnce), _): met(.executorSuspendedAtOnce)
        case .order(.retire, _): met(.executorRetired)
        case .order(.unblacklist, _), .order(.resume, _): met(.executorTakenBack)
        case .setSpread: met(.spreadChanged)
        case .confirmStops, .confirmRestoration: break
        }
    }
}
