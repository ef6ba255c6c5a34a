import ApusEngine
import ApusModel
import HashTreeCollections

extension CommandOutcome {
    /// Every one of these executors has the duty that was asked for.
    static func done(_ executors: [ExecutorID]) -> CommandOutcome {
        .cluster(.executors(DutyChange(done: executors)))
    }
}

extension Bench {
    /// How many instances an application had at least and at most while something went on.
    struct Watch {
        var fewestHealthy = Int.max
        var mostAlive = 0
    }

    func duty(_ id: ExecutorID) -> Duty? { turn.committed.members[id]?.duty }

    @discardableResult
    mutating func order(_ order: DutyOrder, _ ids: [ExecutorID]) -> CommandOutcome? {
        self.order(order, ExecutorSelection(ids: ids))
    }

    @discardableResult
    mutating func order(_ order: DutyOrder, _ selection: ExecutorSelection) -> CommandOutcome? {
        ask(.cluster(.order(order, selection)))
    }

    /// Delivers and reports, one step at a time, until an executor has that duty (`nil`: is no member) or a while is over.
    mutating func watch(untilDuty duty: Duty?, of id: ExecutorID) -> Watch {
        var watch = Watch()
        for _ in 0..<200 where self.duty(id) != duty {
            watch.fewestHealthy = min(watch.fewestHealthy, healthy())
            watch.mostAlive = max(watch.mostAlive, instances().count(where: \.isAlive))
            deliver()
            beat()
            for id in ids { executors[id]?.advance(at: now.wall) }
            beat()
            take(.tick)
            pass(.milliseconds(100))
        }
        return watch
    }
}
