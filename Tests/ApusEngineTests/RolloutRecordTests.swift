import ApusEngine
import ApusModel
import ApusTestKit
import HashTreeCollections
import Testing

/// What is stored of a ROLLOUT: the records of its two applications, together or not at all.
@Suite struct RolloutRecordTests {
    private let old = AppID("TEST_APP-1")
    private let new = AppID("TEST_APP-2")
    private let opSpec = ClusterOpSpec(timeout: DurationText(300, .seconds), parallelism: 1)

    /// Five records of such specifications fit into a batch.
    private func large(_ name: String = "TEST_APP", version: String = "1") -> ApplicationSpec {
        exampleSpec(name: name, version: version, env: ["TEXT": String(repeating: "x", count: 150 << 10)])
    }

    /// Takes all in one turn, so many others of large records besides.
    ///
    /// - Returns: the batches that it is stored in.
    private func takeTogether(_ command: Command, others: Int, named name: String, _ bench: inout Bench) -> [Batch] {
        let creations = (0..<others).map { number in
            Command.application(.create(large("\(name)\(number)"), instances: 0, opSpec))
        }
        for (request, command) in zip(RequestID(1_000)..., creations + [command]) {
            _ = bench.turn.take(.command(request, command), at: bench.now)
        }
        var batches: [Batch] = []
        var step = bench.turn.close(at: bench.now)
        while case .commit(let batch) = step {
            batches.append(batch)
            step = bench.turn.stored()
        }
        if case .release(let effects) = step { bench.collect(effects) }
        return batches
    }

    private func expectTogether(_ batches: [Batch], _ place: SourceLocation = #_sourceLocation) {
        let both = Set([old, new].map { RecordKey(.application, $0.rawValue) })
        let holding = batches.filter { !both.isDisjoint(with: $0.writes.map(\.key)) }
        #expect(holding.count == 1, "they are parted", sourceLocation: place)
        #expect(both.isSubset(of: holding.first?.writes.map(\.key) ?? []), sourceLocation: place)
        #expect(batches.allSatisfy { $0.byteCount <= Batch.maximumBytes }, sourceLocation: place)
    }

    @Test(arguments: [0, 3, 4, 5])
    func `however much a turn changes besides, both records are in one batch when it begins and when it ends`(
        _ others: Int
    ) throws {
        var bench = try Bench(cores: 16)
        bench.create(instances: 2, large())
        bench.create(instances: 0, large(version: "2"))
        bench.converge()
        let rollout = Command.application(.rollout(new, from: old, .asBefore, opSpec))
        let begun = takeTogether(rollout, others: others, named: "A", &bench)
        expectTogether(begun)
        #expect(bench.rollout != nil)
        // Four others, and then one of the two would be all that fits.
        if others == 4 { #expect(begun.count == 2) }
        expectTogether(takeTogether(.cancel(new), others: others, named: "B", &bench))
        #expect(bench.rollout == nil)
    }

    @Test func `where an earlier version stored but the new version's record, the next leader mends the old one's`()
        throws
    {
        var bench = try Bench(cores: 16)
        var rollback = opSpec
        rollback.failureStrategy = .rollback
        bench.ask(.create(exampleSpec(), instances: 4, rollback))
        bench.ask(.create(exampleSpec(version: "2"), instances: 0, opSpec))
        let key = RecordKey(.application, old.rawValue)
        let before = bench.store[key]
        bench.ask(.rollout(new, from: old, .asBefore, opSpec))
        bench.store[key] = before
        try bench.failOver(epoch: 2)
        #expect(bench.application()?.operation == nil)
        #expect(bench.application()?.lastOperation?.kind == .create)
        #expect(bench.application()?.lastOperation?.outcome == .superseded)
        #expect(bench.application()?.expected == 1, "the one that was there when the ROLLOUT began")
        bench.follow()
        bench.converge()
        #expect((bench.instances().count, bench.healthy("TEST_APP-2")) == (0, 4))
        #expect(bench.application()?.lastOperation?.outcome == .succeeded)
        #expect(bench.application()?.expected == 0)
    }

    @Test func `in the turn in which a ROLLOUT ends its applications begin none with a third one`() throws {
        var bench = try Bench.twoVersions(2)
        bench.create(instances: 0, exampleSpec(version: "3"))
        let third = AppID("TEST_APP-3")
        bench.ask(.rollout(new, from: old, .asBefore, opSpec))
        let commands: [Command] = [
            .cancel(new), .application(.rollout(third, from: old, .count(2), opSpec)),
            .application(.rollout(new, from: old, .asBefore, opSpec)),
        ]
        for (request, command) in zip(RequestID(1_000)..., commands) {
            _ = bench.turn.take(.command(request, command), at: bench.now)
        }
        bench.settle()
        #expect(
            bench.outcomes[1_001]
                == .refused(["Another ROLLOUT of app TEST_APP-1 has ended this very moment: ask again"])
        )
        #expect(bench.outcomes[1_002] == .accepted(.application(new)))
        #expect(bench.ask(.cancel(new)) == .accepted(.application(new)))
        #expect(bench.ask(.rollout(third, from: old, .count(2), opSpec)) == .accepted(.application(third)))
    }
}
