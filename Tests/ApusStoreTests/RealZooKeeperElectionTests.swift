import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

/// What the controllers of a test do, in order.
private final class Course: Sendable {
    struct Step: Equatable {
        var who: String
        var what: String
    }

    private let steps = Mutex<[Step]>([])
    private let terms = Mutex<[String: Term]>([:])
    private let stores = Mutex<[String: ZooKeeperStore]>([:])

    func note(_ who: String, _ what: String) { steps.withLock { $0.append(Step(who: who, what: what)) } }
    func began(_ who: String, _ term: Term) {
        terms.withLock { $0[who] = term }
        note(who, "leads")
    }
    func uses(_ who: String, _ store: ZooKeeperStore) { stores.withLock { $0[who] = store } }
    func store(_ who: String) throws -> ZooKeeperStore { try #require(stores.withLock { $0[who] }) }
    func isUp(_ who: String) -> Bool { stores.withLock { $0[who] != nil } }
    func has(_ who: String, _ what: String) -> Bool { steps.withLock { $0.contains(Step(who: who, what: what)) } }
    func order() -> [String] { steps.withLock { $0.map { "\($0.who) \($0.what)" } } }
    func term(_ who: String) throws -> Term { try #require(terms.withLock { $0[who] }) }
    func leads(_ who: String) async throws -> Term {
        try await eventually("\(who) leads") { has(who, "leads") }
        return try term(who)
    }
}

extension RealZooKeeper {
    @Suite struct ElectionTests {
        private static let session: Duration = .seconds(3)

        /// Stands for election again and again, and leads until its term ends.
        private func control(
            _ who: String,
            at address: ZooKeeperAddress,
            _ course: Course,
            times: Int = .max,
            _ use: @escaping @Sendable (ZooKeeperStore, ZooKeeperLeadership) async throws -> Void = { _, _ in }
        ) async throws {
            try await withZooKeeper(address, timeout: Self.session, callTimeout: Self.session) { store in
                course.uses(who, store)
                let leadership = ZooKeeperLeadership(store: store, id: who, description: Array("this is \(who)".utf8))
                try await use(store, leadership)
                for _ in 0..<times {
                    let end = try await leadership.lead { term in
                        course.began(who, term)
                        _ = await term.ended()
                    }
                    course.note(who, "\(end)")
                }
            }
        }

        private func withServer(_ body: (ZooKeeperEnsemble, ZooKeeperAddress) async throws -> Void) async throws {
            try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { try await body($0, try $0.address("/apus")) }
        }

        /// Waits until so many stand in the line.
        private func standing(_ count: Int, at address: ZooKeeperAddress) async throws {
            try await withZooKeeper(address) { store in
                try await eventually("\(count) stand in the line") {
                    try await store.session.children("/election").count == count
                }
            }
        }

        @Test func `one leads; when it goes the next one does at once, with a greater epoch`() async throws {
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    let first = Task { try await control("a", at: address, course) }
                    let one = try await course.leads("a")
                    group.addTask { try await control("b", at: address, course) }
                    group.addTask { try await control("c", at: address, course) }
                    #expect(one.isValid(at: monotonic()))
                    first.cancel()
                    _ = await first.result
                    let left = ContinuousClock.now
                    try await eventually("another one leads") { course.has("b", "leads") || course.has("c", "leads") }
                    #expect(ContinuousClock.now - left < Self.session / 2)
                    let two = try course.term(course.has("b", "leads") ? "b" : "c")
                    #expect(two.epoch > one.epoch)
                    #expect(!one.isValid(at: monotonic()))
                    #expect(course.order().filter { $0.hasSuffix("leads") }.count == 2)
                }
            }
        }

        @Test func `who stands in the line has at hand what the leader commits, and has it when it leads`() async throws
        {
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course) }
                    let one = try await course.leads("a")
                    let record = Record(key: RecordKey(.task, "T/1"), bytes: Array("1".utf8))
                    let batch = Batch(epoch: one.epoch, writes: [.put(record.key, record.bytes)])
                    try await course.store("a").commit(batch)
                    #expect(try !course.store("a").isWarm, "a leader keeps nothing twice")
                    group.addTask { try await control("b", at: address, course) }
                    try await eventually("it has all at hand") {
                        try course.isUp("b") && course.store("b").isWarm
                    }
                    one.resign(to: "b")
                    _ = try await course.leads("b")
                    #expect(try await course.store("b").list(.task) == [record])
                }
            }
        }

        @Test func `a leader that hands over to a named one is followed by it, and may lead again`() async throws {
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course) }
                    let one = try await course.leads("a")
                    group.addTask { try await control("b", at: address, course) }
                    group.addTask {
                        try await control("c", at: address, course) { _, leadership in
                            try await eventually("all are there") {
                                try await leadership.controllers().map(\.id) == ["a", "b"]
                            }
                        }
                    }
                    group.addTask {
                        try await withZooKeeper(address) { store in
                            let watcher = ZooKeeperLeadership(store: store, id: "w", description: [])
                            await watcher.followLeader { course.note("w", "sees \($0?.id ?? "nobody")") }
                        }
                    }
                    try await standing(3, at: address)
                    one.resign(to: "c")
                    let three = try await course.leads("c")
                    func lastSeen() -> String? { course.order().last { $0.hasPrefix("w") } }
                    try await eventually("whoever watches sees it") { lastSeen() == "w sees c" }
                    #expect(!course.has("b", "leads"))
                    #expect(course.has("a", "\(TermEnd.resigned(to: "c"))"))
                    try await standing(3, at: address)
                    three.resign(to: "nobody")
                    try await eventually("the next one leads") {
                        course.order().filter { $0.hasSuffix("leads") }.count == 3
                    }
                    let next = course.has("b", "leads") ? "b" : "a"
                    try await eventually("whoever watches sees the new one") { lastSeen() == "w sees \(next)" }
                }
            }
        }

        @Test func `who only calls controllers reads where they are, the leader first, and is told of each change`()
            async throws
        {
            try await withReader { session, address in
                await #expect(throws: StoreError.self, "nobody has founded it") {
                    try await session.standingControllers()
                }
                #expect(try await session.exists("/election") == nil, "whoever reads makes nothing")
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course) }
                    let one = try await course.leads("a")
                    group.addTask { try await control("b", at: address, course) }
                    try await told(["this is a", "this is b"], by: session)
                    let change = Watch(session)
                    for _ in 0..<2 { _ = try await session.standingControllers(watch: change) }
                    #expect(!change.hasFired)
                    one.resign(to: "b")
                    let before = ContinuousClock.now
                    await change.wait(within: .seconds(20))
                    #expect(ContinuousClock.now - before < .seconds(20))
                    #expect(change.hasFired)
                    try await told(["this is b", "this is a"], by: session)
                }
            }
        }

        /// A server, and a session of somebody who only reads there.
        private func withReader(_ body: (ZooKeeperSession, ZooKeeperAddress) async throws -> Void) async throws {
            try await withServer { _, address in
                let session = ZooKeeperSession.open(ZooKeeperSession.Settings(address: address))
                let result: Result<Void, any Error>
                do {
                    try await session.connected(within: .seconds(10))
                    result = .success(try await body(session, address))
                } catch {
                    result = .failure(error)
                }
                await session.close()
                try result.get()
            }
        }

        private func told(_ wanted: [String], by session: ZooKeeperSession) async throws {
            try await eventually("these stand in the line: \(wanted)") {
                try await session.standingControllers().map { String(decoding: $0, as: UTF8.self) } == wanted
            }
        }

        @Test func `a leader cut off stops leading before another one begins, and changes nothing afterwards`()
            async throws
        {
            try await withServer { ensemble, address in
                let wire = try CuttableWire(to: ensemble.servers[0].port)
                defer { wire.close() }
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    let cuttable = try ZooKeeperAddress("127.0.0.1:\(wire.port)/apus")
                    group.addTask { try await control("a", at: cuttable, course) }
                    let one = try await course.leads("a")
                    group.addTask { try await control("b", at: address, course) }
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
                    try await standing(2, at: address)
                    #expect(course.has("a", "\(TermEnd.leaseLapsed)"))
                    two.resign(to: "a")
                    try await eventually("the old one leads again") {
                        course.order().filter { $0 == "a leads" }.count == 2
                    }
                }
            }
        }

        @Test(arguments: [false, true])
        func `the lease lapses when the server is gone or hangs, within the session`(hangs: Bool) async throws {
            try await withServer { ensemble, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course) }
                    let term = try await course.leads("a")
                    if hangs { ensemble.servers[0].pause() } else { await ensemble.servers[0].kill9() }
                    let began = ContinuousClock.now
                    #expect(term.isValid(at: monotonic()))
                    #expect(await term.ended() == .leaseLapsed)
                    #expect(ContinuousClock.now - began < Self.session)
                    #expect(!term.isValid(at: monotonic()))
                    if hangs {
                        ensemble.servers[0].goOn()
                    } else {
                        try ensemble.servers[0].start()
                    }
                    try await eventually("it leads again", within: .seconds(60)) {
                        course.order().filter { $0 == "a leads" }.count == 2
                    }
                    #expect(try course.term("a").epoch > term.epoch)
                }
            }
        }

        @Test func `a leader that has nothing to commit keeps its lease; one that commits has it renewed by that`()
            async throws
        {
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course) }
                    let term = try await course.leads("a")
                    let first = term.leaseEnd
                    try await eventually("the lease outlasts two sessions") {
                        term.leaseEnd > first + Self.session * 2
                    }
                    #expect(term.isValid(at: monotonic()))
                    let store = try course.store("a")
                    let before = monotonic()
                    try await store.commit(Batch(epoch: term.epoch, writes: [.put(RecordKey(.cluster, "a"), [1])]))
                    #expect(term.leaseEnd >= before + Self.session * 2 / 3)
                    let raised = try await store.raiseEpoch(from: term.epoch, above: 70)
                    try await store.commit(Batch(epoch: raised, writes: []))
                    let end = term.leaseEnd
                    try await eventually("it is renewed under the raised epoch too") { term.leaseEnd > end }
                    #expect(term.isValid(at: monotonic()))
                }
            }
        }

        @Test func `a controller whose place in the line shows late takes it, and does not wait behind itself`()
            async throws
        {
            try await withServer { _, address in
                let course = Course()
                try await withZooKeeper(address) { other in
                    let first = try await other.session.create("/election/x-", Array("x".utf8), .ephemeralSequential)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        defer { group.cancelAll() }
                        group.addTask { try await control("b", at: address, course) }
                        try await standing(2, at: address)
                        let names = try await other.session.children("/election")
                        let own = try #require(names.first { !$0.hasPrefix("x-") })
                        // As one whose making was not answered: before the other, behind the first.
                        let late = "\(own.prefix { $0 != "-" })-\(first.suffix(10))5"
                        try await course.store("b").session.create("/election/\(late)", Array("b".utf8), .ephemeral)
                        try await other.session.delete(first)
                        let term = try await course.leads("b")
                        let left = try await other.session.children("/election")
                        #expect(left == [late])
                        term.resign()
                        try await eventually("it leads again") {
                            course.order().filter { $0 == "b leads" }.count == 2
                        }
                        try await standing(1, at: address)
                    }
                }
            }
        }

        @Test func `a leader to which a server grants a shorter session ends, before its lease outlasts that`()
            async throws
        {
            try await withServer { ensemble, address in
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
            try await withServer { _, address in
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
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("a", at: address, course, times: 1) }
                    let term = try await course.leads("a")
                    let epoch = try await withZooKeeper(address) { try await $0.acquireEpoch() }
                    #expect(await term.ended() == .fenced(by: epoch))
                }
            }
        }

        @Test
        func `all controllers are listed with what they say of themselves, absent ones with when they were last seen`()
            async throws
        {
            try await withServer { _, address in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await control("host-a:10000", at: address, course) }
                    _ = try await course.leads("host-a:10000")
                    try await withZooKeeper(address, timeout: Self.session) { store in
                        let other = ZooKeeperLeadership(store: store, id: "host/b:10000", description: Array("b".utf8))
                        try await other.describe(Array("reaches 3".utf8))
                        let both = try await other.controllers()
                        #expect(both.map(\.id) == ["host-a:10000", "host/b:10000"])
                        #expect(both.map(\.isLeader) == [true, false])
                        #expect(both.map(\.isPresent) == [true, true])
                        #expect(both[0].description == Array("this is host-a:10000".utf8))
                        #expect(both[1].description == Array("reaches 3".utf8))
                        try await other.forget("host/b:10000")
                        #expect(try await other.controllers().count == 2, "one that is present is not forgotten")
                    }
                    try await withZooKeeper(address) { store in
                        let viewer = ZooKeeperLeadership(store: store, id: "viewer", description: [])
                        let both = try await viewer.controllers()
                        #expect(both.map(\.isPresent) == [true, false])
                        #expect(both[1].lastSeen.milliseconds > 1_600_000_000_000)
                        #expect(both[1].description == Array("reaches 3".utf8))
                        try await viewer.forget("host/b:10000")
                        let left = try await viewer.controllers()
                        #expect(left.map(\.id) == ["host-a:10000"])
                    }
                }
            }
        }

        @Test func `what the leader throws is thrown on, and the next one leads`() async throws {
            struct Broken: Error {}
            try await withServer { _, address in
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
