import ApusAgent
import ApusEngine
import ApusModel
import ApusPlacement
import HashTreeCollections

/// When the faults have stopped: what is expected runs, and nothing else.
extension World {
    /// The time the cluster has to come right.
    static let patience = Duration.seconds(300)
    /// It must stay right for so long.
    static let watchAfterwards = Duration.seconds(20)

    mutating func inspect() {
        agenda.add(.inspect, after: .seconds(1))
        oracle.stored(controller.store)
        // Somebody looks at what is held; until the store takes it, again and again.
        if controller.process?.turn.committed.heldStops.isEmpty == false {
            agenda.add(.requestArrives(.cluster(.confirmStops)), after: .zero)
        }
        if convergedAt == nil { takeBack() }
        let fault = whatIsWrong()
        if convergedAt != nil {
            if let fault { oracle.violated("it had come right, and then: \(fault)") }
        } else if let fault {
            if agenda.now - calmSince > World.patience { oracle.violated("it does not come right: \(fault)") }
        } else {
            note("all is as it should be")
            convergedAt = agenda.now
        }
    }

    mutating func audit() {
        agenda.add(.audit, after: .seconds(5))
        let turn = controller.process?.turn
        let canDecide = !controller.isPaused && !controller.isStoreAway && turn?.pending == nil
        if canDecide, let state = turn?.engine.state { checkChannels(state) }
        oracle.audit(
            canDecide ? turn?.engine : nil,
            executors,
            engineTime: controllerTimes.now,
            at: agenda.now
        )
    }

    private func whatIsWrong() -> String? {
        guard let turn = controller.process?.turn else { return "the controller is down" }
        let state = turn.committed
        for executor in executors where !executor.isGone {
            if executor.process == nil { return "e\(executor.index) is down" }
            // What was asked for before may still come.
            if executor.jobs.values.contains(where: { $0.fate == .answered }) { return "e\(executor.index) is at work" }
        }
        if let fault = faultOfDuties(state) { return fault }
        for executor in executors {
            guard let presence = state.members[executor.identity.id]?.presence else { continue }
            guard executor.isGone ? presence.isLost : presence == .present else {
                return "e\(executor.index) is \(presence)"
            }
            let failing = state.members[executor.identity.id]?.failures.channels ?? []
            if !executor.isGone, !failing.isEmpty { return "of e\(executor.index) \(failing) are said to fail" }
        }
        if let fault = faultOfServices(state) { return fault }
        for spec in specs {
            if let fault = fault(of: spec.id, in: state) { return fault }
        }
        return oracle.tasks.unfinished(in: controller.store) ?? faultOfRetention(state) ?? faultOfContainers(state)
    }

    private func fault(of app: AppID, in state: ClusterState) -> String? {
        let standings = oracle.requests.standings(of: app)
        guard let application = state.applications[app] else {
            return standings.contains(.absent) || standings.contains(.leaving) ? nil : "\(app) is not there"
        }
        let instances = state.instances(of: app)
        if standings.contains(.leaving) { return instances.isEmpty ? nil : "\(app) is not gone" }
        let count = application.expected
        guard standings.contains(application.share.map { .share($0) } ?? .wanted(count)) else {
            return "\(app) expects \(count)"
        }
        let states = instances.map { "\($0.id.short) \($0.state.rawValue)" }.joined(separator: ", ")
        let standing = "\(app) expects \(count) and has \(states); \(application.shortfall?.text ?? "")"
        if let operation = application.operation { return "\(operation.kind.rawValue) does not end: \(standing)" }
        if instances.count != count || !instances.allSatisfy(\.isHealthy) { return standing }
        return faultOfLastOperation(app)
    }

    /// How the operation that was accepted last ended is on record.
    private func faultOfLastOperation(_ app: AppID) -> String? {
        guard let kind = oracle.requests.lastKinds[app] else { return nil }
        let ended = controller.store.json(RecordKey(.application, app.rawValue))?["lastOperation"]
        guard ended?["kind"]?.text == kind, let outcome = ended?["outcome"]?.text else {
            return "the end of \(kind) of \(app) is not on record"
        }
        guard outcome != "SUCCEEDED", ended?["reason"]?.text ?? "" == "" else { return nil }
        return "\(kind) of \(app) ended \(outcome) without a reason"
    }

    /// Each container is a live instance's and serves, and each live instance has one.
    private func faultOfContainers(_ state: ClusterState) -> String? {
        var running = 0
        for executor in executors {
            for container in executor.containers.sorted
            where container.origin == .assigned || container.origin == .stray {
                guard let id = container.labels?.instance, let instance = state.instances[id],
                    instance.executor == executor.identity.id
                else { return "container \(container.id) on e\(executor.index) should not be there" }
                guard container.isRunning, !container.isSick else { return "container \(container.id) does not serve" }
                running += 1
            }
        }
        return running == state.instances.count ? nil : "\(running) containers run of \(state.instances.count)"
    }
}

extension Member.Presence {
    fileprivate var isLost: Bool {
        if case .lost = self { true } else { false }
    }
}
