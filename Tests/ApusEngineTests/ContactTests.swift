import ApusEngine
import ApusModel
import ApusPlacement
import ApusTestKit
import HashTreeCollections
import Testing

/// Joining is verified both ways, and of an executor that cannot serve the channel that fails is named.
@Suite struct ContactTests {
    private func channels(_ bench: Bench, _ id: ExecutorID) -> [NodeChannel]? {
        bench.turn.committed.members[id]?.failures.channels
    }

    /// Lets time pass until the executor's channels are these, at most a minute.
    private func live(_ bench: inout Bench, until channels: [NodeChannel], of id: ExecutorID, beating: [ExecutorID]) {
        for _ in 0..<120 where self.channels(bench, id) != channels {
            bench.live(.milliseconds(500), beating: beating)
        }
    }

    @Test func `an executor that is heard gets no work before its port is reached`() throws {
        var bench = try Bench(executors: 0)
        let joining = TestExecutor(number: 0, cores: 8, memoryMB: 8192)
        let id = joining.identity.id
        bench.executors[id] = joining
        bench.unreached = [id]
        bench.beat()
        bench.beat()
        bench.create(instances: 1)
        #expect(bench.turn.committed.members[id]?.state == .joining)
        #expect(bench.instances().isEmpty)
        #expect(bench.application()?.shortfall?.text == "0 of 1 executors fit: 1 joining")
        bench.unreached = []
        bench.live(.seconds(3))
        bench.converge()
        #expect(bench.healthy() == 1)
        #expect(bench.turn.committed.members[id]?.state == .active)
    }

    @Test func `an executor that is never reached is suspended, and control is named`() throws {
        var bench = try Bench(executors: 0)
        let joining = TestExecutor(number: 0, cores: 8, memoryMB: 8192)
        let id = joining.identity.id
        bench.executors[id] = joining
        bench.unreached = [id]
        bench.live(.seconds(9))
        #expect(bench.turn.committed.members[id]?.state == .suspended)
        #expect(channels(bench, id) == [.control])
        #expect(bench.causes(.executorSuspended) == ["its port is not reached: connection refused"])
        bench.unreached = []
        bench.live(.seconds(3))
        #expect(bench.turn.committed.members[id]?.state == .active)
        #expect(bench.decided(.executorResumed).count == 1)
    }

    @Test func `a restarted executor is verified anew; an answer of its earlier run verifies nothing`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        // Its new process reports, and the old one's answer is still on its way.
        var restarted = try #require(bench.executors[id])
        restarted.restart()
        bench.take(.report(900, restarted.report()))
        #expect(bench.turn.committed.members[id]?.contact.isVerified == false)
        bench.create(instances: 1)
        #expect(bench.sent.isEmpty)
        bench.executors[id] = restarted
        bench.live(.seconds(3))
        #expect(bench.turn.committed.members[id]?.contact.isVerified == true)
        #expect(bench.sent.count + (bench.executors[id]?.instances.count ?? 0) > 0)
    }

    @Test func `of an executor whose port alone is cut off control is named, though nothing is asked of it`() throws {
        var bench = try Bench(executors: 2)
        let id = bench.ids[0]
        bench.unreached = [id]
        live(&bench, until: [.control], of: id, beating: bench.ids)
        #expect(channels(bench, id) == [.control])
        #expect(bench.turn.committed.members[id]?.presence == .present)
        #expect(bench.turn.committed.members[id]?.admission == .closed(.suspended))
        #expect(bench.decided(.executorSuspended).map(\.detail) == [["channels": ["CONTROL"]]])
        let told = try #require(bench.events.last { $0.kind == .executorBlacklistRequested })
        #expect(told.metadata["EXECUTOR_ID"] == id.json && told.metadata["CHANNELS"] == "CONTROL")
        bench.unreached = []
        bench.live(.seconds(5))
        #expect(channels(bench, id) == [])
        #expect(bench.turn.committed.members[id]?.admission == .open)
        #expect(bench.events.last?.kind == .executorUnblacklisted)
    }

    @Test func `of an executor whose reports alone are cut off data is named, before it is given up and after`() throws
    {
        var bench = try Bench(executors: 2)
        let id = bench.ids[0]
        bench.live(.seconds(7), beating: [bench.ids[1]])
        #expect(bench.turn.committed.members[id]?.presence == .silent)
        #expect(channels(bench, id) == [.data])
        #expect(bench.decided(.executorSilent).map(\.detail) == [["channels": ["DATA"]]])
        bench.live(.seconds(5), beating: [bench.ids[1]])
        #expect(bench.turn.committed.members[id]?.isLost == true)
        #expect(channels(bench, id) == [.data])
        #expect(bench.decided(.executorLost).map(\.detail) == [["channels": ["DATA"]]])
        #expect(bench.events.contains { $0.kind == .executorRemoved && $0.metadata["CHANNELS"] == "DATA" })
        bench.live(.seconds(5))
        #expect(channels(bench, id) == [])
    }

    @Test func `of an executor that is neither heard nor reached both are named before it is given up`() throws {
        var bench = try Bench(executors: 2)
        let id = bench.ids[0]
        bench.unreached = [id]
        bench.live(.seconds(9), beating: [bench.ids[1]])
        #expect(bench.turn.committed.members[id]?.presence == .silent)
        #expect(channels(bench, id) == [.control, .data])
    }

    @Test(arguments: [NodeChannel.engine, .storage, .clock])
    func `a trouble that an executor tells names its channel`(_ channel: NodeChannel) throws {
        var bench = try Bench()
        let id = bench.ids[0]
        bench.executors[id]?.faults = [Trouble(channel, "it fails")]
        bench.beat()
        #expect(channels(bench, id) == [channel])
        #expect(bench.turn.committed.members[id]?.state == .suspended)
        let decision = try #require(bench.decided(.executorSuspended).last)
        #expect(decision.cause == "it fails")
        #expect(decision.detail == ["channels": [.string(channel.rawValue)]])
        bench.executors[id]?.faults = []
        bench.beat()
        #expect(channels(bench, id) == [])
    }

    @Test func `a second channel that fails is told too`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        bench.executors[id]?.faults = [Trouble(.engine, "no engine")]
        bench.beat()
        bench.executors[id]?.faults.append(Trouble(.clock, "2 s ahead"))
        bench.beat()
        #expect(bench.causes(.executorSuspended) == ["no engine", "no engine; 2 s ahead"])
        let last = try #require(bench.turn.committed.members[id]?.history.entries.last)
        #expect((last.state, last.channels) == (.suspended, [.engine, .clock]))
    }

    @Test func `whoever else answers at an executor's address is not taken for it`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        let probe = try #require(bench.looks[id])
        bench.unreached = [id]
        for _ in 0..<2 {
            bench.take(.probed(probe, .answered(Bench.cluster, ExecutorID("other"), incarnation: 1)))
            bench.pass(.seconds(6))
        }
        #expect(channels(bench, id) == [.control])
        #expect(
            bench.turn.committed.members[id]?.controlTrouble
                == "its port is not reached: host-0:11000 answers as executor other of cluster C"
        )
        bench.unreached = []
        bench.take(.probed(probe, .answered(Bench.cluster, id, incarnation: 1)))
        #expect(channels(bench, id) == [])
    }

    @Test func `one at whose address an earlier run of it answers gets nothing more, for that would take it`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        bench.executors[id]?.restart()
        bench.live(.seconds(3))
        #expect(bench.turn.committed.members[id]?.admission == .open)
        let probe = try #require(bench.looks[id])
        #expect(probe.incarnation == 2)
        bench.unreached = [id]
        for _ in 0..<2 {
            bench.take(.probed(probe, .answered(Bench.cluster, id, incarnation: 1)))
            bench.pass(.seconds(6))
        }
        #expect(bench.turn.committed.members[id]?.admission == .closed(.suspended))
        #expect(
            bench.turn.committed.members[id]?.controlTrouble
                == "its port is not reached: host-0:11000 answers as its run 1, and its run 2 reports"
        )
        bench.unreached = []
        // A later run answers before it has reported.
        bench.take(.probed(probe, .answered(Bench.cluster, id, incarnation: 3)))
        #expect(channels(bench, id) == [])
    }

    @Test func `a single look that fails suspends nobody`() throws {
        var bench = try Bench()
        let id = bench.ids[0]
        let probe = try #require(bench.looks[id])
        bench.take(.probed(probe, .failed("no answer")))
        #expect(channels(bench, id) == [])
        bench.live(.seconds(20))
        #expect(bench.decided(.executorSuspended).isEmpty)
    }
}
