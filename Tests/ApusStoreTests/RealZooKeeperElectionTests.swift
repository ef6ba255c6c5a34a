import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

extension RealZooKeeper {
    /// Who leads and for how long, until when its lease holds, and who is next.
    @Suite struct ElectionTests {
        @Test func `one leads; when it goes the next one does at once, with a greater epoch`() async throws {
            try await Course.run { course in
                let one = try await course.elect("a")
                course.stand("b")
                course.stand("c")
                #expect(one.isValid(at: monotonic()))
                await course.end("a")
                let left = ContinuousClock.now
                try await eventually("another one leads") { course.has("b", "leads") || course.has("c", "leads") }
                #expect(ContinuousClock.now - left < Course.session / 2)
                let two = try course.term(course.has("b", "leads") ? "b" : "c")
                #expect(two.epoch > one.epoch)
                #expect(!one.isValid(at: monotonic()))
                #expect(course.order().filter { $0.hasSuffix("leads") }.count == 2)
            }
        }

        @Test func `a leader that hands over to a named one is followed by it, and may lead again`() async throws {
            try await Course.run { course in
                let one = try await course.elect("a")
                course.stand("b")
                course.stand("c") { _, leadership in
                    try await eventually("all are there") {
                        try await leadership.controllers().map(\.id) == ["a", "b"]
                    }
                }
                async let _: Void = withZooKeeper(course.address) { store in
                    let watcher = ZooKeeperLeadership(store: store, id: "w", description: [])
                    await watcher.followLeader { course.note("w", "sees \($0?.id ?? "nobody")") }
                }
                try await course.standing(3)
                one.resign(to: "c")
                let three = try await course.leads("c")
                func lastSeen() -> String? { course.order().last { $0.hasPrefix("w") } }
                try await eventually("whoever watches sees it") { lastSeen() == "w sees c" }
                #expect(!course.has("b", "leads"))
                #expect(course.has("a", "\(TermEnd.resigned(to: "c"))"))
                try await course.standing(3)
                three.resign(to: "nobody")
                try await eventually("the next one leads") {
                    course.order().filter { $0.hasSuffix("leads") }.count == 3
                }
                let next = course.has("b", "leads") ? "b" : "a"
                try await eventually("whoever watches sees the new one") { lastSeen() == "w sees \(next)" }
            }
        }

        @Test func `a leader cut off stops leading before another one begins, and changes nothing afterwards`()
            async throws
        {
            try await Course.run { course in
                let wire = try CuttableWire(to: course.ensemble.servers[0].port)
                defer { wire.close() }
                let cuttable = try ZooKeeperAddress("127.0.0.1:\(wire.port)/apus")
                let one = try await course.elect("a", at: cuttable)
                course.stand("b")
                try await eventually("the other one stands by") { course.isUp("b") }
                wire.cut()
                let two = try await course.leads("b")
                #expect(!one.isValid(at: monotonic()))
                #expect(await one.ended() == .leaseLapsed)
                let late = Batch(epoch: one.epoch, writes: [.put(RecordKey(.cluster, "late"), [1])])
                let old = try course.store("a")
                wire.heal()
                try await until("the old one learns who leads") {
                    do {
                        try await old.commit(late)
                        Issue.record("a deposed leader has written")
                    } catch StoreError.fenced(let epoch) {
                        #expect(epoch == two.epoch)
                    }
                }
                #expect(two.isValid(at: monotonic()))
                try await course.standing(2)
                #expect(course.has("a", "\(TermEnd.leaseLapsed)"))
                two.resign(to: "a")
                try await eventually("the old one leads again") {
                    course.order().filter { $0 == "a leads" }.count == 2
                }
            }
        }

        @Test(arguments: [false, true])
        func `the lease lapses when the server is gone or hangs, within the session`(hangs: Bool) async throws {
            try await Course.run { course in
                let server = course.ensemble.servers[0]
                let term = try await course.elect("a")
                if hangs { server.pause() } else { await server.kill9() }
                let began = ContinuousClock.now
                #expect(term.isValid(at: monotonic()))
                #expect(await term.ended() == .leaseLapsed)
                #expect(ContinuousClock.now - began < Course.session)
                #expect(!term.isValid(at: monotonic()))
                if hangs {
                    server.goOn()
                } else {
                    try server.start()
                }
                try await eventually("it leads again", within: .seconds(60)) {
                    course.order().filter { $0 == "a leads" }.count == 2
                }
                #expect(try course.term("a").epoch > term.epoch)
            }
        }

        @Test func `a leader that has nothing to commit keeps its lease; one that commits has it renewed by that`()
            async throws
        {
            try await Course.run { course in
                let term = try await course.elect("a")
                let first = term.leaseEnd
                try await eventually("the lease outlasts two sessions") {
                    term.leaseEnd > first + Course.session * 2
                }
                #expect(term.isValid(at: monotonic()))
                let store = try course.store("a")
                let before = monotonic()
                try await store.commit(Batch(epoch: term.epoch, writes: [.put(RecordKey(.cluster, "a"), [1])]))
                #expect(term.leaseEnd >= before + Course.session * 2 / 3)
                let raised = try await store.raiseEpoch(from: term.epoch, above: 70)
                try await store.commit(Batch(epoch: raised, writes: []))
                let end = term.leaseEnd
                try await eventually("it is renewed under the raised epoch too") { term.leaseEnd > end }
                #expect(term.isValid(at: monotonic()))
            }
        }

        @Test func `a commit that the raised epoch overtook does not end the renewal of the lease`() async throws {
            try await Course.run { course in
                let term = try await course.elect("a")
                let store = try course.store("a")
                // Each is looked for before it is sent, which takes longer than the epoch.
                let writes = (0..<500).map { Write.delete(RecordKey(.task, "T/\($0)")) }
                async let late: Void = store.commit(Batch(epoch: term.epoch, writes: writes))
                let raised = try await store.raiseEpoch(from: term.epoch, above: 70)
                do { try await late } catch { #expect(error as? StoreError == .fenced(by: raised)) }
                let end = term.leaseEnd
                try await eventually("it is renewed") { term.leaseEnd > end + Course.session }
                #expect(term.isValid(at: monotonic()))
            }
        }

        @Test func `a controller that cannot raise the epoch says so once, makes way, and leads when it can`()
            async throws
        {
            try await Course.run { course in
                try await withZooKeeper(course.address) { store in
                    try await store.session.set("/epoch", Array("x".utf8))
                    let leadership = ZooKeeperLeadership(store: store, id: "a", description: []) { warning in
                        course.note("a", warning)
                    }
                    func said() -> [String] { course.order().filter { $0.contains("/apus/epoch holds no number") } }
                    async let _: TermEnd = leadership.lead { term in
                        course.began("a", term)
                        _ = await term.ended()
                    }
                    try await eventually("it says why") { !said().isEmpty }
                    try await eventually("it stands in nobody's way") {
                        try await store.session.children("/election").isEmpty
                    }
                    try await withZooKeeper(course.address) { other in
                        _ = try await other.session.create("/election/x-", Array("x".utf8), .ephemeralSequential)
                        try await course.standing(2)
                    }
                    try await eventually("it has failed again") {
                        try await store.session.children("/election").isEmpty
                    }
                    #expect(said().count == 1)
                    try await store.session.set("/epoch", Array("7".utf8))
                    #expect(try await course.leads("a").epoch == 8)
                }
            }
        }

        @Test func `a leader to which a server grants a shorter session ends, before its lease outlasts that`()
            async throws
        {
            try await Course.withServer { ensemble, address in
                // So long that the server is there again before the lease lapses.
                try await withZooKeeper(address, timeout: .seconds(60)) { store in
                    let leadership = ZooKeeperLeadership(store: store, id: "a", description: [])
                    let end = try await leadership.lead { term in
                        #expect(term.session == .seconds(60))
                        await ensemble.servers[0].kill9()
                        try ensemble.servers[0].set("maxSessionTimeout=4000")
                        try ensemble.servers[0].start()
                        _ = await term.ended()
                    }
                    #expect(end == .sessionShortened)
                    _ = try await leadership.lead { #expect($0.session == .seconds(4)) }
                }
            }
        }

        @Test func `one who is fenced off as it raises the epoch leads no more, and does not fail`() async throws {
            try await Course.withServer { _, address in
                try await withZooKeeper(address) { store in
                    let leadership = ZooKeeperLeadership(store: store, id: "a", description: [])
                    let end = try await leadership.lead { term in
                        let epoch = try await withZooKeeper(address) { try await $0.acquireEpoch() }
                        #expect(epoch == term.epoch + 1)
                        _ = try await store.raiseEpoch(from: term.epoch, above: 90)
                    }
                    guard case .fenced = end else {
                        Issue.record("it is \(end)")
                        return
                    }
                }
            }
        }

        @Test func `a leader whose epoch another one raised ends`() async throws {
            try await Course.run { course in
                let term = try await course.elect("a", times: 1)
                let epoch = try await withZooKeeper(course.address) { try await $0.acquireEpoch() }
                #expect(await term.ended() == .fenced(by: epoch))
            }
        }

        @Test func `what the leader throws is thrown on, and the next one leads`() async throws {
            struct Broken: Error {}
            try await Course.withServer { _, address in
                try await withZooKeeper(address) { store in
                    let leadership = ZooKeeperLeadership(store: store, id: "a", description: [])
                    await #expect(throws: Broken.self) { _ = try await leadership.lead { _ in throw Broken() } }
                    let names = try await store.session.children("/election")
                    #expect(names.isEmpty)
                    let end = try await leadership.lead { _ in }
                    #expect(end == .resigned(to: nil))
                }
            }
        }
    }
}
