import ApusContainers
import ApusModel
import Hummingbird

/// What this executor's containers use.
extension NodeRoutes {
    func addUsage(_ stats: StatsWatch, to router: Router<NodeContext>) {
        router.get("/apis/v1/usage") { _, _ in
            Self.response(.ok, .members(["instances": .array(stats.usage().map(\.json))]))
        }
    }
}

extension StatsRoster.Entry {
    func usage(at now: Moment) -> InstanceUsage {
        InstanceUsage(
            instance: subject.instance,
            cpu: usedCores.map { Int64(min($0, 1_000_000) * 1_000) },
            memoryBytes: last?.stats.memory.usedBytes,
            ageMilliseconds: last.map { (now - $0.at).milliseconds }
        )
    }
}
