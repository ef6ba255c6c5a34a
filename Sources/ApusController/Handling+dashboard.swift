import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// What a page shows of the whole cluster (contract §1.4), worked out when it is asked for.
extension Handling {
    /// So many of each kind are shown whole.
    private static let shown = 5

    func dashboard() -> APIAnswer {
        .success(
            .members([
                "clusterSummary": clusterSummary, "appStats": applicationStatistics,
                "taskStats": taskStatistics, "serviceStats": serviceStatistics,
                "executorStats": executorStatistics, "generatedAt": api.time().wall.json,
            ])
        )
    }

    /// Those with the most healthy instances come first.
    private var applicationStatistics: JSON {
        let applications = state.applications.values
        let counted = applications.map { (healthy: state.healthyInstances(of: $0.id), id: $0.id) }
        let top = counted.sorted { ($1.healthy, $0.id) < ($0.healthy, $1.id) }.prefix(Self.shown)
        return .members([
            "appCountByState": counts(ApplicationState.allCases.map(\.rawValue), applications.map(\.state.rawValue)),
            "topApps": .array(top.compactMap { state.applications[$0.id] }.map(summary)),
            "totalHealthyInstances": .integer(Int64(counted.reduce(0) { $0 + $1.healthy })),
        ])
    }

    /// Those that have been there longest come first, of the active ones.
    private var taskStatistics: JSON {
        let views = state.tasks.values.map { TaskView($0, in: state) }
        let top = views.filter(\.isActive).sorted { $0.age < $1.age }
        return .members([
            "taskCountByState": counts(InstanceState.allCases.map(\.rawValue), views.map(\.state.rawValue)),
            "topTasks": .array(top.prefix(Self.shown).map(\.json)),
        ])
    }

    /// As of applications.
    private var serviceStatistics: JSON {
        let services = state.localServices.values
        let counted = services.map { service in
            (healthy: state.instances(of: service.id).count(where: \.isHealthy), service: service)
        }
        let top = counted.sorted { ($1.healthy, $0.service.id) < ($0.healthy, $1.service.id) }
        return .members([
            "serviceCountByState": counts(LocalServiceState.allCases.map(\.rawValue), services.map(\.state.rawValue)),
            "serviceCountByActivationState": counts(
                ActivationState.allCases.map(\.rawValue),
                services.map(\.activation.rawValue)
            ),
            "topServices": .array(top.prefix(Self.shown).map { summary(of: $0.service) }),
            "totalHealthyInstances": .integer(Int64(counted.reduce(0) { $0 + $1.healthy })),
        ])
    }

    /// Utilization is the share of cores in use, in percent, of the executors that are there; the balance is 100 where
    /// all have the same.
    private var executorStatistics: JSON {
        let views = state.members.values.map { MemberView($0, in: state) }
        let shares = views.filter(\.isActive).map { view -> Double in
            let usage = view.member.usage
            let total = usage.usedCores + usage.freeCores
            return total > 0 ? Double(usage.usedCores) / Double(total) * 100 : 0
        }
        let (highest, lowest) = (shares.max() ?? 0, shares.min() ?? 0)
        let average = shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
        return .members([
            "executorCountByState": counts(MemberView.wireStates, views.map(\.wireState)),
            "utilization": .members([
                "averageUtilization": .number(average), "highestUtilization": .number(highest),
                "lowestUtilization": .number(lowest), "balanceScore": .number(100 - (highest - lowest)),
            ]),
        ])
    }

    /// How often each occurs, in the given order; those that do not are left out.
    private func counts(_ states: [String], _ found: [String]) -> JSON {
        let counts: [String: Int64] = found.reduce(into: [:]) { counts, state in counts[state, default: 0] += 1 }
        return .object(states.compactMap { state in counts[state].map { JSON.Member(state, .integer($0)) } })
    }
}
