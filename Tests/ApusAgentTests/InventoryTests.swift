import ApusAgent
import ApusModel
import Testing

struct InventoryTests {
    private func healthy() -> Rig {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        return rig
    }

    private func box(_ id: String, _ state: FoundContainer.State = .running) -> Rig.Box {
        let spec = instanceSpec(id, cores: [3])
        let labels = found(spec, ports: [], created: WallTime(milliseconds: 5), epoch: 1)
        return Rig.Box(instance: spec.id, state: state, labels: .ours(labels))
    }

    @Test func `a running container is found again after a crash, checked at once and never restarted`() {
        let rig = healthy()
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        #expect(after.instance(one)?.state == .unknown)
        after.run(for: .milliseconds(100))
        #expect(after.instance(one)?.state == .healthy)
        #expect(after.containers == rig.containers)
        #expect(after.instance(one)?.ports == rig.instance(one)?.ports)
        #expect(after.jobs.count == 2)
    }

    @Test func `a container that exited while nobody looked is a failure`() {
        var rig = healthy()
        rig.kill(ContainerID("c1"), code: 9, seen: false)
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        after.run(for: .seconds(1))
        #expect(after.instance(one)?.state == .stopped)
        #expect(after.instance(one)?.cause == .exited(code: 9, outOfMemory: false))
        #expect(after.containers.isEmpty)
    }

    @Test func `a container that is gone after a crash is a failure, not a second start`() {
        let rig = healthy()
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        after.run(for: .seconds(1))
        #expect(after.instance(one)?.state == .stopped)
        #expect(after.instance(one)?.error == "its container is gone")
        #expect(after.containers.isEmpty)
    }

    @Test func `a missed exit is seen by the next inventory`() {
        var rig = healthy()
        rig.kill(ContainerID("c1"), seen: false)
        rig.send(.exitsMissed)
        rig.run(for: .milliseconds(100))
        #expect(rig.instance(one)?.cause == .exited(code: 137, outOfMemory: false))
        #expect(rig.containers.isEmpty)
    }

    @Test func `a container that vanished is noticed within ten seconds`() {
        var rig = healthy()
        rig.containers = [:]
        rig.run(for: .seconds(10))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(rig.instance(one)?.error == "its container is gone")
    }

    @Test func `an inventory asked for before the container was made proves nothing`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.send(.exitsMissed)
        // Number 2 is under way and saw nothing; meanwhile the instance comes up.
        var turn = rig.turn
        var times = rig.times
        func feed(_ event: AgentEvent) -> [AgentAction] {
            times.now = times.now + .milliseconds(1)
            var actions = turn.take(event, at: times)
            while turn.isRecording { actions += turn.recorded(at: times) }
            return actions
        }
        var actions = feed(.command(TransitionTests.Bench.command(.start(instanceSpec()), 1), reply: 1))
        for outcome in [Outcome.pulled, .created(ContainerID("c"), []), .started] {
            for case .perform(let id, let attempt, _) in actions {
                actions = feed(.outcome(id, attempt: attempt, outcome))
                break
            }
        }
        #expect(turn.agent.instances.first?.state == .unready)
        _ = feed(.inventory([], number: 2))
        #expect(turn.agent.instances.first?.state == .unready)
    }

    @Test func `an unknown container with sound labels is taken in, reported, and stopped only when told`() {
        var rig = Rig()
        rig.containers[ContainerID("x")] = box("AI-2")
        rig.run(for: .seconds(30))
        #expect(rig.notes == [.adopted(two, ContainerID("x"))])
        #expect(rig.instance(two)?.state == .healthy)
        #expect(rig.reports.contains { $0.instances.contains { $0.id == two && $0.appName == "TEST" } })
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        after.run(for: .seconds(1))
        #expect(after.notes.isEmpty)
        #expect(after.instance(two)?.state == .healthy)
        after.command(.stop(two, .unknown))
        after.run(for: .seconds(1))
        #expect(after.containers.isEmpty)
    }

    @Test(arguments: [false, true])
    func `an unknown container is told and touched only once it is on record, crash or not`(lands: Bool) {
        var rig = Rig(after: Rig.Remains(journal: [], containers: [ContainerID("x"): box("AI-2")]))
        let before = rig.containers
        (rig.journalFails, rig.journalLands) = (true, lands)
        rig.run(for: .seconds(25))
        #expect(rig.agent.instances.isEmpty)
        #expect(rig.reports.flatMap(\.instances).isEmpty)
        #expect(rig.jobs.isEmpty)
        #expect(rig.notes == [.journalUnwritable(reason: "disk full")])
        #expect(rig.agent.troubles.contains(Trouble(.storage, "a container that runs here cannot be put on record")))
        #expect(!rig.agent.troubles.contains { $0.channel == .engine }, "its engine is in order")
        #expect(!rig.agent.hasSeenAll, "what it left on the disk is not that of one that ended")
        let isOnDisk = rig.remains.contains { $0.journal.contains { if case .adopted = $0 { true } else { false } } }
        #expect(isOnDisk == lands)
        for remains in Set(rig.remains) {
            var after = Rig(after: remains, incarnation: 2)
            after.run(for: .seconds(5))
            #expect(after.instance(two)?.state == .healthy, "\(remains)")
            #expect(after.containers == before, "\(remains)")
        }
        rig.journalFails = false
        rig.run(for: .seconds(3))
        #expect(rig.instance(two)?.state == .healthy, "it is looked for again as soon as it can be recorded")
        #expect(rig.notes.dropFirst() == [.journalWritable, .adopted(two, ContainerID("x"))])
        #expect(rig.agent.troubles.isEmpty && rig.agent.hasSeenAll)
    }

    @Test func `an adopted container holds its cores`() {
        var rig = Rig()
        rig.containers[ContainerID("x")] = box("AI-2")
        rig.run(for: .seconds(12))
        guard case .refused(.resourcesHeld, _) = rig.command(.start(instanceSpec(cores: [3]))) else {
            return #expect(Bool(false), "core 3 is held")
        }
    }

    @Test func `a damaged container is left alone and noted once`() {
        var rig = Rig()
        let damaged = Rig.Box(instance: two, state: .running, labels: .damaged(reason: "no ports"))
        rig.containers[ContainerID("x")] = damaged
        rig.run(for: .seconds(60))
        #expect(rig.containers[ContainerID("x")] == damaged)
        #expect(rig.notes == [.damaged(ContainerID("x"), name: "name-x", reason: "no ports")])
        #expect(rig.agent.instances.isEmpty)
    }

    @Test func `what is left alone is reported until it is gone, and told once`() {
        var rig = Rig()
        rig.containers[ContainerID("x")] = Rig.Box(instance: two, state: .running, labels: .damaged(reason: "no ports"))
        rig.run(for: .seconds(60))
        let told = rig.reports.compactMap(\.quarantine)
        #expect(told.map(\.count) == [1])
        #expect(
            told.first?.named == [.init(container: ContainerID("x"), name: "name-x", reason: "no ports")]
        )
        rig.askForAll()
        rig.run(for: .seconds(10))
        #expect(rig.reports.compactMap(\.quarantine).map(\.count) == [1, 1])
        rig.containers = [:]
        rig.run(for: .seconds(30))
        #expect(rig.reports.compactMap(\.quarantine).map(\.count) == [1, 1, 0])
    }

    @Test func `a container that the journal knows is kept, whatever its labels say`() {
        let rig = healthy()
        var remains = Rig.Remains(journal: rig.journal, containers: rig.containers)
        for id in remains.containers.keys { remains.containers[id]?.labels = .damaged(reason: "a later schema") }
        var after = Rig(after: remains, incarnation: 2)
        after.run(for: .seconds(30))
        #expect(after.instance(one)?.state == .healthy)
        #expect(after.containers == remains.containers)
        #expect(after.agent.quarantine.count == 0)
    }

    @Test func `two hundred containers are taken back among twenty with unsound labels, and none is started again`() {
        var rig = Rig()
        for number in 0..<200 {
            let spec = instanceSpec("AI-\(number)", cores: [number % 4], memoryMB: 1)
            let labels = found(spec, ports: [], created: WallTime(milliseconds: 0), epoch: 1)
            rig.containers[ContainerID("c\(number)")] = Rig.Box(
                instance: labels.instance,
                state: .running,
                labels: .ours(labels)
            )
        }
        for number in 0..<20 {
            let id = ContainerID("c\(number)-damaged")
            rig.containers[id] = Rig.Box(instance: InstanceID("D"), state: .running, labels: .damaged(reason: "torn"))
        }
        let before = rig.containers
        rig.run(for: .seconds(30))
        #expect(rig.agent.instances.count { $0.state == .healthy } == 200)
        #expect(rig.agent.quarantine.count == 20)
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        after.run(for: .seconds(5))
        #expect(after.agent.instances.count { $0.state == .healthy } == 200)
        #expect(after.containers == before)
        #expect(after.starts.isEmpty)
        let checked = after.jobs.count { if case .check = $0 { true } else { false } }
        #expect(checked >= 200)
    }

    @Test func `a second container of one instance is removed, the first stays`() {
        var rig = healthy()
        rig.containers[ContainerID("a")] = box("AI-1")
        rig.run(for: .seconds(12))
        #expect(rig.containers(of: one) == [ContainerID("c1")])
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.notes == [.duplicate(one, ContainerID("a"))])
    }

    @Test func `a container of an ended instance is removed, however often that fails`() {
        var rig = healthy()
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(1))
        rig.containers[ContainerID("a")] = box("AI-1")
        rig.removalFailures = 3
        rig.run(for: .seconds(20))
        #expect(rig.containers.isEmpty)
        #expect(rig.notes == [.leftover(one, ContainerID("a"))])
    }

    @Test func `a container of an id that was told to stop before it was known is removed`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.command(.stop(two, .replaced))
        rig.containers[ContainerID("x")] = box("AI-2")
        rig.run(for: .seconds(12))
        #expect(rig.containers.isEmpty)
        #expect(rig.instance(two)?.cause == .stopped(.replaced))
    }

    @Test(arguments: [(false, false), (true, false), (true, true)])
    func `that an id was told to stop before it was known outlives a crash`(fails: Bool, lands: Bool) {
        var rig = Rig()
        rig.settles = false
        rig.run(for: .seconds(1))
        rig.command(.stop(two, .replaced))
        rig.containers[ContainerID("x")] = box("AI-2")
        let before = rig.remains.count
        (rig.journalFails, rig.journalLands) = (fails, lands)
        rig.run(for: .seconds(12))
        #expect(rig.containers.isEmpty != fails)
        for remains in Set(rig.remains[before...]) {
            var after = Rig(after: remains, incarnation: 2)
            after.run(for: .seconds(15))
            #expect(after.containers.isEmpty, "\(remains)")
            if !remains.containers.isEmpty { #expect(after.instance(two)?.cause == .stopped(.replaced), "\(remains)") }
        }
        rig.journalFails = false
        rig.run(for: .seconds(3))
        #expect(rig.containers.isEmpty)
        #expect(rig.instance(two)?.cause == .stopped(.replaced))
    }

    @Test func `nothing is removed while the container engine cannot be asked`() {
        let rig = healthy()
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        after.inventoryFails = true
        after.run(for: .seconds(30))
        // The first one was asked for before it failed.
        #expect(after.containers == rig.containers)
        #expect(after.notes == [.inventoryFailed(reason: "away")])
    }
}
