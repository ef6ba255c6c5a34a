import ApusAgent
import ApusEngine
import ApusModel

/// Clients ask for what may be, and at times for what may not.
extension World {
    mutating func clientActs() {
        guard !isCalm else { return }
        if let operation = drawOperation(), !chances.network.hits(profile.loss) {
            agenda.add(.requestArrives(operation), after: chances.network.milliseconds(1...20))
        }
        agenda.add(.clientActs, after: chances.requests.milliseconds(300...9000))
    }

    private mutating func drawOperation() -> ApplicationOperation? {
        guard let spec = chances.requests.pick(specs) else { return nil }
        let opSpec = ClusterOpSpec(
            timeout: DurationText(Int64(chances.requests.number(in: 20...600)), .seconds),
            parallelism: chances.requests.number(in: 1...4)
        )
        let most = min(mostInstances(of: spec), room(for: spec))
        let count = most > 0 ? chances.requests.number(in: 0...most) : 0
        switch oracle.requests.standing(of: spec.id) {
        case .absent where chances.requests.hits(900): return .create(spec, instances: count, opSpec)
        case .wanted(0) where chances.requests.hits(400): return .destroy(spec.id, opSpec)
        case .absent, .wanted, .leaving: break
        }
        switch chances.requests.number(in: 0...9) {
        case 0: return .suspend(spec.id, opSpec)
        case 1: return .recover(spec.id)
        case 2: return .destroy(spec.id, opSpec)
        case 3: return .create(spec, instances: count, opSpec)
        default: return .scale(spec.id, required: count, opSpec)
        }
    }

    /// How many instances of it may be wanted beside all that may be wanted of the others.
    private func room(for spec: ApplicationSpec) -> Int {
        let others = specs.filter { $0.id != spec.id }.reduce(0) { sum, other in
            sum + oracle.requests.mostWanted(other.id) * other.resources.cores
        }
        return max(0, coresToWant - others) / spec.resources.cores
    }

    // MARK: scripts

    mutating func act(_ act: Plan.Act) {
        let opSpec = ClusterOpSpec(timeout: DurationText(10, .minutes), parallelism: 2)
        switch act {
        case .create(let app, let instances): ask(.create(specs[app], instances: instances, opSpec))
        case .scale(let app, let count): ask(.scale(specs[app].id, required: count, opSpec))
        case .suspend(let app): ask(.suspend(specs[app].id, opSpec))
        case .recover(let app): ask(.recover(specs[app].id))
        case .destroy(let app): ask(.destroy(specs[app].id, opSpec))
        case .killContainer(let app): kill(specs[app].id)
        case .crashController: crashController(.controllerCrash)
        case .crashExecutor(let index): crashExecutor(index, .executorCrash)
        case .plantStray(let index): plantStray(index)
        }
    }

    private mutating func ask(_ operation: ApplicationOperation) {
        agenda.add(.requestArrives(operation), after: .zero)
    }

    private mutating func kill(_ app: AppID) {
        for index in executors.indices {
            let victim = executors[index].containers.sorted.first {
                $0.isRunning && $0.labels?.owner == .application(app)
            }
            guard let victim else { continue }
            faults.count(.containerCrash)
            return exit(index, victim.id, code: 1, outOfMemory: false)
        }
    }
}
