import ApusAgent
import ApusModel
import Testing

struct JournalTests {
    @Test func `a crash at any point of a start ends in one healthy container`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.remains.count > 10)
        for (point, remains) in rig.remains.enumerated() {
            var after = Rig(after: remains, incarnation: 2, made: 10)
            after.run(for: .seconds(1))
            // The leader sends it again, as it had no answer.
            after.command(.start(instanceSpec()))
            after.run(for: .seconds(15))
            #expect(after.instance(one)?.state == .healthy, "crash at \(point): \(remains)")
            #expect(after.containers(of: one).count == 1, "crash at \(point): \(remains)")
        }
    }

    @Test func `a container that was made just before a crash is in the journal once it was found again`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(2))
        func records(_ journal: [JournalRecord]) -> Int {
            journal.count { if case .container(one, _, _) = $0 { true } else { false } }
        }
        let unrecorded = rig.remains.filter { !$0.containers.isEmpty && records($0.journal) == 0 }
        #expect(!unrecorded.isEmpty)
        for remains in unrecorded {
            var after = Rig(after: remains, incarnation: 2, made: 10)
            after.run(for: .seconds(15))
            #expect(records(after.journal) == 1)
        }
    }

    @Test func `a crash at any point of a stop ends with nothing left`() {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(2))
        let before = rig.remains.count
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(2))
        #expect(rig.instance(one)?.state == .stopped)
        for (point, remains) in rig.remains.enumerated() where point >= before {
            var after = Rig(after: remains, incarnation: 2, made: 10)
            after.settles = false
            after.run(for: .seconds(1))
            after.command(.stop(one, .scaledDown))
            after.run(for: .seconds(15))
            #expect(after.instance(one)?.state == .stopped, "crash at \(point): \(remains)")
            #expect(after.containers.isEmpty, "crash at \(point): \(remains)")
        }
    }

    @Test func `a stop that was journalled is carried out after a crash without being repeated`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(2))
        let before = rig.remains.count
        rig.command(.stop(one, .scaledDown))
        for remains in rig.remains[before...]
        where remains.journal.contains(where: { if case .stopTold = $0 { true } else { false } }) {
            var after = Rig(after: remains, incarnation: 2)
            after.run(for: .seconds(5))
            #expect(after.containers.isEmpty)
            #expect(after.instance(one)?.cause == .stopped(.scaledDown))
        }
    }

    @Test func `a compacted journal replays to the same`() {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.command(.start(instanceSpec("AI-2", cores: [1])))
        rig.run(for: .seconds(2))
        rig.command(.stop(two, .destroyed))
        rig.command(.stop(InstanceID("AI-9"), .surplus))
        rig.run(for: .seconds(2))
        let compacted = rig.agent.compacted()
        func replay(_ records: [JournalRecord]) -> Agent {
            Agent(identity: Rig.identity, description: Rig.description, replaying: records, at: rig.times)
        }
        #expect(replay(compacted).instances == replay(rig.journal).instances)
        #expect(replay(compacted).fence == replay(rig.journal).fence)
        #expect(replay(rig.journal).compacted() == replay(compacted).compacted())
        #expect(compacted.count < rig.journal.count)
    }

    @Test func `a journal that is mostly history is written anew`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        for number in 0..<500 {
            rig.command(.stop(InstanceID("AI-\(number)"), .surplus))
            if number == 250 { rig.run(for: .seconds(3700)) }
        }
        rig.run(for: .seconds(3700))
        rig.command(.stop(one, .surplus))
        rig.run(for: .seconds(20))
        #expect(rig.journal.count < 20)
        #expect(rig.journal.contains(.fence(Fence(epoch: 1, sequence: 1501))))
    }

    @Test func `a start that cannot be journalled is neither taken nor refused, and leaves no trace`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.journalFails = true
        let fence = Fence(epoch: 1, sequence: 5)
        #expect(rig.command(.start(instanceSpec()), fence: fence) == nil)
        #expect(rig.agent.instances.isEmpty)
        #expect(rig.jobs.isEmpty)
        #expect(rig.notes == [.journalUnwritable(reason: "disk full")])
        rig.run(for: .seconds(5))
        #expect(rig.notes.count == 1)
        rig.journalFails = false
        rig.run(for: .seconds(2))
        #expect(rig.notes.last == .journalWritable)
        guard case .refused(.staleFence, _) = rig.command(.start(instanceSpec()), fence: fence) else {
            return #expect(Bool(false), "what was not taken must not run because the command is repeated late")
        }
        guard case .accepted(let report) = rig.command(.start(instanceSpec())) else {
            return #expect(Bool(false), "a later command for it must be taken once the journal is writable")
        }
        #expect(report?.state == .provisioning)
    }

    @Test func `a start whose record stands on the disk though its write failed runs once, crash or not`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        let before = rig.remains.count
        (rig.journalFails, rig.journalLands) = (true, true)
        #expect(rig.command(.start(instanceSpec())) == nil, "after a crash a refusal would be untrue")
        rig.run(for: .seconds(2))
        let crashes = rig.remains[before...]
        #expect(crashes.contains { $0.journal.contains { if case .accepted = $0 { true } else { false } } })
        for remains in crashes {
            var after = Rig(after: remains, incarnation: 2)
            after.run(for: .seconds(1))
            // The leader sends it again, as it had no answer.
            after.command(.start(instanceSpec()))
            after.run(for: .seconds(5))
            #expect(after.instance(one)?.state == .healthy, "\(remains)")
            #expect(after.starts == [one: 1], "\(remains)")
        }
        rig.journalFails = false
        rig.run(for: .seconds(2))
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(5))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.starts == [one: 1])
    }

    @Test func `that an id was never here is not told before the journal surely says that it never will be`() {
        var rig = Rig()
        rig.run(for: .seconds(1))
        (rig.journalFails, rig.journalLands) = (true, true)
        rig.command(.start(instanceSpec()))
        rig.journalLands = false
        let fence = Fence(epoch: 1, sequence: 1500)
        #expect(rig.command(.stop(one, .lost), fence: fence) == nil)
        #expect(rig.command(.stop(one, .lost), fence: fence) == nil, "nor when the command is repeated")
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        after.run(for: .seconds(5))
        #expect(after.instance(one)?.state == .healthy, "its START stands on the disk")
        rig.journalFails = false
        #expect(rig.command(.stop(one, .lost), fence: fence) == .accepted(nil))
        let later = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        #expect(later.agent.instances.isEmpty)
    }

    @Test func `a start whose cores are held is refused only when a crash does not make it be taken`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(2))
        rig.journalFails = true
        #expect(rig.command(.start(instanceSpec("AI-2"))) == nil)
        rig.journalFails = false
        let fence = Fence(epoch: 1, sequence: 1500)
        guard case .refused(.resourcesHeld, _) = rig.command(.start(instanceSpec("AI-2")), fence: fence) else {
            return #expect(Bool(false), "it is refused once that can be written down")
        }
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        guard case .refused(.staleFence, _) = after.command(.start(instanceSpec("AI-2")), fence: fence) else {
            return #expect(Bool(false), "what was refused must not run because the command is repeated late")
        }
    }

    @Test func `an end is reported only when the journal knows of it`() {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.journalFails = true
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(4))
        #expect(rig.containers.isEmpty)
        #expect(rig.instance(one)?.state == .deprovisioning)
        let told = { (rig: Rig) in
            rig.reports.contains { report in report.instances.contains { $0.id == one && $0.state == .stopped } }
        }
        #expect(!told(rig))
        guard case .accepted(let answer) = rig.command(.stop(one, .scaledDown)) else {
            return #expect(Bool(false), "a stop is never refused for the journal's sake")
        }
        #expect(answer?.state == .deprovisioning)
        // A crash now loses nothing that was told.
        var after = Rig(after: Rig.Remains(journal: rig.journal, containers: rig.containers), incarnation: 2)
        after.run(for: .seconds(1))
        #expect(after.instance(one)?.state == .stopped)

        rig.journalFails = false
        rig.run(for: .seconds(3))
        #expect(rig.instance(one)?.state == .stopped)
        #expect(told(rig))
        #expect(rig.journal.contains { if case .ended(let report) = $0 { report.state == .stopped } else { false } })
    }

    @Test func `a stop that ends an instance at once is not answered STOPPED while the journal cannot be written`() {
        var rig = Rig()
        rig.engineAway = true
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.journalFails = true
        guard case .accepted(let report) = rig.command(.stop(one, .scaledDown)) else {
            return #expect(Bool(false), "a stop is never refused for the journal's sake")
        }
        #expect(report?.state == .deprovisioning)
    }

    @Test func `a stop is carried out though it cannot be journalled, and is journalled later`() {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.journalFails = true
        let fence = rig.agent.fence
        guard case .accepted = rig.command(.stop(one, .scaledDown)) else {
            return #expect(Bool(false), "a stop is never refused for the journal's sake")
        }
        #expect(rig.agent.fence == fence, "a fence that is not on disk is not acknowledged")
        rig.run(for: .seconds(2))
        #expect(rig.containers.isEmpty)
        rig.journalFails = false
        rig.run(for: .seconds(2))
        #expect(rig.agent.fence != fence)
        let after = Rig(after: Rig.Remains(journal: rig.journal, containers: [:]), incarnation: 2)
        #expect(after.instance(one)?.state == .stopped)
        #expect(after.agent.fence == rig.agent.fence)
    }

    @Test func `every record reads back from its text`() throws {
        let report = InstanceReport(
            id: one,
            owner: .application(AppID("TEST-1")),
            appName: "TEST",
            state: .stopped,
            allocation: ResourceAllocation(numaNode: 0, cores: [0], memoryMB: 128),
            ports: [PortMapping(name: "main", containerPort: 8000, hostPort: 32000, type: .http)],
            error: "e",
            cause: .exited(code: 1, outOfMemory: true),
            created: WallTime(milliseconds: 1),
            updated: WallTime(milliseconds: 2),
            revision: 7
        )
        let adopted = AdoptedInstance(
            id: one,
            owner: report.owner,
            appName: "TEST",
            allocation: report.allocation,
            ports: report.ports,
            container: ContainerID("c"),
            created: report.created
        )
        let records: [JournalRecord] = [
            .fence(Fence(epoch: 3, sequence: 4)),
            .accepted(instanceSpec(), created: WallTime(milliseconds: 5), epoch: 3),
            .adopted(adopted), .stopTold(one, .surplus, at: WallTime(milliseconds: 6)),
            .container(one, ContainerID("c"), report.ports), .ended(report),
            .restarting(one, count: 3, error: "e", at: WallTime(milliseconds: 8)),
            .completed(one, .exited(code: 4, outOfMemory: true), error: "e"),
            .accepted(taskSpec(), created: WallTime(milliseconds: 5), epoch: 3),
            .settled(one, at: WallTime(milliseconds: 7)), .forgotten(one),
        ]
        for record in records {
            #expect(try JournalRecord(json: JSON(parsing: record.json.serialized)) == record)
        }
        #expect(throws: JSONError.self) { try JournalRecord(json: ["schema": 2, "kind": "FORGOTTEN", "id": "x"]) }
        #expect(throws: JSONError.self) { try JournalRecord(json: ["schema": 1, "kind": "NEWS"]) }
    }
}
