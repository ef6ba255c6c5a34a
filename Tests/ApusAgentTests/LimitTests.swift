import ApusAgent
import ApusModel
import ApusTestKit
import Testing

/// A leader takes a report only within bounds, so nothing beyond them is told, taken in or kept.
struct LimitTests {
    private static let long = String(repeating: "ä", count: 40_000)

    @Test func `a text is cut between characters, and one that fits is left alone`() {
        #expect("abcdef".clipped(toBytes: 6) == "abcdef")
        #expect("abcdefg".clipped(toBytes: 6) == "abc…")
        #expect("äöü".clipped(toBytes: 5) == "ä…")
        #expect("a👨‍👩‍👧b".clipped(toBytes: 10) == "a…")
        #expect("".clipped(toBytes: 0).isEmpty)
    }

    @Test func `a long error is told cut, now and from an old journal`() throws {
        var rig = Rig()
        rig.settles = false
        rig.pull = .failed(JobFailure(.other, reason: Self.long))
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        let error = try #require(rig.instance(one)?.error)
        #expect(error.utf8.count <= 1000)
        #expect(error.hasPrefix("image test:1 could not be fetched: ä"))
        #expect(error.hasSuffix("ä…"))
        for report in rig.reports { try report.checkLimits() }
        var ended = try #require(rig.instance(one))
        ended.error = Self.long
        for record in [JournalRecord.ended(ended), .completed(one, .pullFailed, error: Self.long)] {
            let journal: [JournalRecord] = [.accepted(taskSpec(), created: ended.created, epoch: 1), record]
            let after = Rig(after: Rig.Remains(journal: journal, containers: [:]), incarnation: 2)
            #expect(after.instance(one)?.error.utf8.count ?? 0 > 900)
            #expect(after.instance(one)?.error.utf8.count ?? 0 <= 1000)
        }
    }

    @Test func `a long trouble is told cut`() throws {
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.pull = .failed(JobFailure(.engineAway, reason: Self.long))
        rig.inventoryFails = true
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(5))
        let trouble = try #require(rig.reports.last?.troubles.first)
        #expect(trouble.text.utf8.count <= 1000)
        #expect(trouble.text.hasPrefix("the container engine does not answer: ä"))
    }

    @Test func `of what an executor tells, long texts are cut and numbers beyond measure refused`() throws {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        var report = try #require(rig.reports.last { !$0.instances.isEmpty })
        report.instances[0].error = Self.long
        report.troubles = [Trouble(.engine, Self.long), Trouble(nil, "short")]
        let taken = try report.withinLimits()
        #expect(taken.instances[0].error == Self.long.clipped(toBytes: 1024))
        #expect(taken.troubles == [Trouble(.engine, Self.long.clipped(toBytes: 1024)), Trouble(nil, "short")])
        var early = report
        early.instances[0].created = WallTime(milliseconds: .min)
        let refusal = #expect(throws: JSONError.self) { try early.withinLimits() }
        #expect(refusal?.message.hasPrefix("instances.created must be 0 to ") == true)
        for name in ["node1/path", "user@node1", "node1\nleader", "node1;", "nöde"] {
            var odd = taken
            odd.identity.hostname = name
            #expect(throws: JSONError("identity.hostname must be the name of a host or an IP address")) {
                try odd.withinLimits()
            }
        }
        report.instances[0].allocation.memoryMB = -1
        #expect(throws: JSONError.self) { try report.withinLimits() }
    }

    private static let beyond: [@Sendable (inout InstanceSpec) -> Void] = [
        { $0.allocation.memoryMB = -1 },
        { $0.allocation.memoryMB = .min },
        { $0.allocation.memoryMB = .max },
        { $0.allocation.cores = Array(0..<5000) },
        { $0.spec.name = String(repeating: "n", count: 256) },
        { $0.spec.exposedPorts[0].name = String(repeating: "p", count: 256) },
    ]

    @Test(arguments: beyond.indices)
    func `labels beyond measure are damaged, and the container is left alone`(index: Int) {
        var spec = instanceSpec("AI-2", cores: [3])
        Self.beyond[index](&spec)
        let ports = spec.spec.exposedPorts.map {
            PortMapping(name: $0.name, containerPort: $0.port, hostPort: 32000, type: $0.type)
        }
        let labels = found(spec, ports: ports, created: WallTime(milliseconds: 5), epoch: 1)
        var rig = Rig()
        rig.containers[ContainerID("x")] = Rig.Box(instance: two, state: .running, labels: .ours(labels))
        rig.run(for: .seconds(30))
        #expect(rig.agent.instances.isEmpty)
        #expect(rig.containers.count == 1)
        #expect(rig.notes.count == 1)
        if case .damaged? = rig.notes.first {} else { Issue.record("\(rig.notes)") }
        #expect(!rig.journal.contains { if case .adopted = $0 { true } else { false } })
    }

    @Test(arguments: beyond.indices)
    func `a START beyond measure is refused, and an old journal's is forgotten`(index: Int) {
        var spec = instanceSpec()
        Self.beyond[index](&spec)
        var rig = Rig()
        rig.run(for: .seconds(1))
        rig.command(.stop(one, .replaced))
        for _ in 0..<2 {
            guard case .refused(.unsupported, _) = rig.command(.start(spec)) else {
                return #expect(Bool(false), "no report with it would be taken")
            }
        }
        let journal = [JournalRecord.accepted(spec, created: WallTime(milliseconds: 5), epoch: 1)]
        var after = Rig(after: Rig.Remains(journal: journal, containers: [:]), incarnation: 2)
        after.run(for: .seconds(5))
        #expect(after.agent.instances.isEmpty)
        guard case .accepted = after.command(.start(instanceSpec(cores: [1]))) else {
            return #expect(Bool(false), "nothing holds it up")
        }
    }

    @Test func `what was settled while the clock stood a year ahead is forgotten an hour after it is right again`()
        throws
    {
        var rig = Rig()
        rig.settles = false
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(1))
        rig.command(.stop(one, .scaledDown))
        rig.run(for: .seconds(1))
        let report = try #require(rig.instance(one))
        let ahead = WallTime(milliseconds: 365 * 86_400_000)
        let journal: [JournalRecord] = [.ended(report), .settled(one, at: ahead), .stopTold(two, .surplus, at: ahead)]
        var after = Rig(after: Rig.Remains(journal: journal, containers: [:]), incarnation: 2)
        after.run(for: .seconds(1800))
        #expect(after.instance(one) != nil)
        // A restart does not begin it anew.
        after = Rig(after: Rig.Remains(journal: after.journal, containers: [:]), incarnation: 3)
        after.run(for: .seconds(3650))
        #expect(after.instance(one) == nil)
        #expect(after.agent.compacted().allSatisfy { if case .fence = $0 { true } else { false } })
    }

    @Test func `a long journal is written anew however often the executor starts`() {
        let journal = (0..<3000).map { JournalRecord.fence(Fence(epoch: 1, sequence: $0)) }
        var rig = Rig(after: Rig.Remains(journal: journal, containers: [:]), incarnation: 2)
        rig.run(for: .seconds(20))
        #expect(rig.journal.count < 20)
    }

    @Test func `an executor that its leader refuses does not end what exits as if there were one`() {
        var rig = Rig()
        rig.command(.start(instanceSpec()))
        rig.run(for: .seconds(3))
        rig.verdict = .refused
        rig.run(for: .seconds(3))
        rig.kill(ContainerID("c1"))
        rig.run(for: .seconds(1))
        #expect(rig.instance(one)?.state == .unknown)
        rig.run(for: .seconds(15))
        #expect(rig.instance(one)?.state == .healthy)
        #expect(rig.instance(one)?.restarts == 1)
    }
}
