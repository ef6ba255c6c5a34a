import ApusAgent
import ApusEngine
import ApusModel
import HashTreeCollections

/// Clients ask for what may be, and at times for what may not.
extension World {
    mutating func clientActs() {
        guard !isCalm else { return }
        let command = chances.requests.hits(350) ? drawTaskCommand() : drawDestruction() ?? drawCommand()
        request(command)
        agenda.add(.clientActs, after: chances.requests.milliseconds(200...4000))
    }

    /// Sends what was drawn, if anything was; it may be lost on its way.
    mutating func request(_ command: Command?) {
        guard let command, !chances.network.hits(profile.loss) else { return }
        agenda.add(.requestArrives(command), after: chances.network.milliseconds(1...20))
    }

    /// Of an application that nobody wants any more and that is not gone.
    private mutating func drawDestruction() -> Command? {
        let lingering = specs.first { spec in
            oracle.requests.standings(of: spec.id) == [.wanted(0)]
                && controller.process?.turn.committed.instances(of: spec.id).isEmpty == false
        }
        guard let lingering, chances.requests.hits(700) else { return nil }
        return .application(.destroy(lingering.id, drawOpSpec()))
    }

    mutating func drawOpSpec() -> ClusterOpSpec {
        // Too short for most, at times.
        let seconds = chances.requests.hits(200) ? 1...15 : 20...600
        return ClusterOpSpec(
            timeout: DurationText(Int64(chances.requests.number(in: seconds)), .seconds),
            parallelism: chances.requests.number(in: 1...4),
            failureStrategy: chances.requests.hits(400) ? .rollback : .stop
        )
    }

    // MARK: applications

    /// It fails while its instances end, and leaves them to whatever is asked for then.
    private static let hurry = ClusterOpSpec(timeout: DurationText(1, .seconds), parallelism: 1)

    private mutating func drawCommand() -> Command? {
        guard let spec = chances.requests.pick(specs) else { return nil }
        let opSpec = drawOpSpec()
        let most = room(for: spec)
        let count = most > 0 ? chances.requests.number(in: 0...most) : 0
        let standings = oracle.requests.standings(of: spec.id)
        if standings == [.absent], chances.requests.hits(900) {
            if chances.requests.hits(250), let share = drawShare(of: most, least: 1) {
                return .application(.createShare(spec, share, opSpec))
            }
            return .application(.create(spec, instances: count, opSpec))
        }
        if standings == [.wanted(0)], chances.requests.hits(300) { return .application(.destroy(spec.id, opSpec)) }
        switch chances.requests.number(in: 0...(terrain.hasRollouts ? 25 : 21)) {
        case 22, 23, 24, 25: return drawRollout(to: spec, most: most, opSpec)
        case 0, 20, 21: return .application(.suspend(spec.id, chances.requests.hits(400) ? Self.hurry : opSpec))
        case 1, 2: return .application(.recover(spec.id))
        case 3: return .application(.destroy(spec.id, opSpec))
        case 4: return .application(.create(spec, instances: count, opSpec))
        case 5: return .cancel(spec.id)
        case 6, 7:
            let growth = most - oracle.requests.mostWanted(spec.id)
            guard growth > 0 else { return nil }
            let instances = chances.requests.number(in: 1...growth)
            return .application(.startInstances(spec.id, instances: instances, opSpec))
        case 8, 9, 10:
            return .application(
                .stopInstances(
                    spec.id,
                    ids: drawInstances(of: spec.id),
                    skipRespawn: chances.requests.hits(500),
                    opSpec
                )
            )
        case 11, 12, 13, 14:
            // Where there may be no room for one more, starting first would only run out of time.
            return .application(
                .replaceInstances(
                    spec.id,
                    ids: chances.requests.hits(500) ? [] : drawInstances(of: spec.id),
                    stopFirst: mayForceSpread || spec.placementPolicy?.isTight == true || chances.requests.hits(400),
                    opSpec
                )
            )
        default:
            if chances.requests.hits(250), let share = drawShare(of: most, least: chances.requests.number(in: 0...1)) {
                return .application(.scaleToShare(spec.id, share, opSpec))
            }
            return .application(.scale(spec.id, required: count, opSpec))
        }
    }

    /// As much of the cluster as makes a few instances, at most so many; `nil` if there is no room for any.
    mutating func drawShare(of most: Int, least: Int) -> CapacityShare? {
        guard most > 0 else { return nil }
        let (measure, hundredths): (CapacityShare.Measure, ClosedRange<Int>) =
            switch chances.requests.number(in: 0...2) {
            case 0: (.cores, 100...2000)
            case 1: (.memory, 10...500)
            default: (.quantity(Terrain.quantity), 500...4000)
            }
        let drawn = chances.requests.number(in: hundredths)
        do {
            return try CapacityShare(
                parsing: "\(drawn / 100).\(drawn % 100 / 10)\(drawn % 10)%",
                of: measure,
                least: least,
                most: chances.requests.number(in: max(least, 1)...most)
            )
        } catch {
            oracle.violated("\(drawn) hundredths are refused: \(error.message)")
            return nil
        }
    }

    /// Some of those that readers see, at times one that there is not.
    private mutating func drawInstances(of app: AppID) -> [InstanceID] {
        let seen = controller.process?.turn.committed.instances(of: app).map(\.id) ?? []
        var drawn = seen.filter { _ in chances.requests.hits(500) }
        if drawn.isEmpty || chances.requests.hits(50) { drawn.append(InstanceID("AI-\(chances.requests.uuid())")) }
        return drawn
    }

    /// What was asked for meanwhile may have taken the room.
    func hasRoom(for command: Command) -> Bool {
        guard plan.isRandom, case .application(let operation) = command,
            let spec = specs.first(where: { $0.id == operation.appID })
        else { return true }
        let most = room(for: spec)
        return switch operation {
        case .create(_, let instances, _): instances <= most
        case .scale(_, let required, _): required <= most
        case .startInstances(_, let instances, _): oracle.requests.mostWanted(spec.id) + instances <= most
        case .createShare(_, let share, _), .scaleToShare(_, let share, _), .rollout(_, _, .share(let share), _):
            share.most <= most
        case .rollout(_, _, .count(let count), _): count <= most
        case .rollout(_, let from, .asBefore, _): oracle.requests.mostWanted(from) <= most
        case .destroy, .stopInstances, .replaceInstances, .suspend, .recover: true
        }
    }

    // MARK: tasks

    private mutating func drawTaskCommand() -> Command? {
        let recent = tasks.suffix(12)
        switch chances.requests.number(in: 0...9) {
        case 0, 1:
            return chances.requests.pick(recent).map { .task(.kill($0, .standard)) }
        case 2: return chances.requests.pick(recent).map { .forget($0) }
        case 3:
            // One that is there already, or was.
            guard let again = chances.requests.pick(recent), !oracle.tasks.mayBeGone(again) else { return nil }
            return .task(.create(drawTask(again), drawOpSpec()))
        default:
            let id = TaskID(source: "source-\(chances.requests.number(in: 0...1))", name: "task-\(tasks.count)")
            tasks.append(id)
            return .task(.create(drawTask(id), drawOpSpec()))
        }
    }

    private mutating func drawTask(_ id: TaskID) -> TaskSpec {
        // Some need more than there may be.
        let cores = chances.requests.hits(100) ? chances.requests.number(in: 3...8) : 1
        let policies: [PlacementPolicy?] = [nil, nil, .any, .onePerHost, .maxPerHost(2), .noTag]
        return World.taskSpec(
            id,
            cores: cores,
            memoryMB: Int64(chances.requests.number(in: 64...512)),
            policy: chances.requests.pick(policies) ?? nil
        )
    }

    // MARK: scripts

    mutating func act(_ act: Plan.Act) {
        let opSpec = ClusterOpSpec(timeout: DurationText(10, .minutes), parallelism: 2)
        switch act {
        case .create(let app, let instances): ask(.create(specs[app], instances: instances, opSpec))
        case .scale(let app, let count): ask(.scale(specs[app].id, required: count, opSpec))
        case .replace(let app, let stopFirst):
            ask(.replaceInstances(specs[app].id, ids: [], stopFirst: stopFirst, opSpec))
        case .suspend(let app): ask(.suspend(specs[app].id, opSpec))
        case .recover(let app): ask(.recover(specs[app].id))
        case .destroy(let app): ask(.destroy(specs[app].id, opSpec))
        case .rollOut(let app, let from): ask(.rollout(specs[app].id, from: specs[from].id, .asBefore, opSpec))
        case .createTask:
            let id = TaskID(source: "source", name: "task-\(tasks.count)")
            tasks.append(id)
            let task = World.taskSpec(id, cores: 1, memoryMB: 128, policy: nil)
            agenda.add(.requestArrives(.task(.create(task, opSpec))), after: .zero)
        case .killContainer(let app): kill(specs[app].id)
        case .crashController: crashController(.controllerCrash)
        case .crashExecutor(let index): crashExecutor(index, .executorCrash)
        case .plantStray(let index): plantStray(index)
        case .cut(let channel, let index, let span):
            let milliseconds = Int(span.milliseconds)
            cut([index], channel == .data ? .data : .control, milliseconds...milliseconds)
        case .cutLeader(let machines, let span): cutLeader(from: machines, for: span)
        }
    }

    private mutating func ask(_ operation: ApplicationOperation) {
        agenda.add(.requestArrives(.application(operation)), after: .zero)
    }

    private mutating func kill(_ app: AppID) {
        for index in executors.indices {
            let victim = executors[index].containers.sorted.first {
                $0.isRunning && $0.labels?.owner == .application(app)
            }
            guard let victim else { continue }
            met(.containerCrash)
            return exit(index, victim.id, code: 1, outOfMemory: false)
        }
    }
}
