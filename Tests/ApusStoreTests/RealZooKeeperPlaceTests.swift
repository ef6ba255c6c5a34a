import ApusEngine
import ApusModel
import ApusStore
import ApusTestKit
import Testing

extension RealZooKeeper {
    /// The line in which controllers stand for election: their places, and what is told of who stands there.
    @Suite struct PlaceTests {
        @Test func `who stands in the line has at hand what the leader commits, and has it when it leads`() async throws
        {
            try await Course.run { course in
                let one = try await course.elect("a")
                let record = Record(key: RecordKey(.task, "T/1"), bytes: Array("1".utf8))
                let batch = Batch(epoch: one.epoch, writes: [.put(record.key, record.bytes)])
                try await course.store("a").commit(batch)
                course.stand("b")
                try await eventually("it has all at hand") {
                    try course.isUp("b") && course.store("b").isWarm
                }
                one.resign(to: "b")
                let two = try await course.leads("b")
                let store = try course.store("b")
                #expect(try await store.list(.task) == [record])
                try await store.commit(Batch(epoch: two.epoch, writes: [.put(RecordKey(.task, "T/2"), [2])]))
                #expect(store.isWarm, "what it commits is at hand too")
                #expect(try await store.list(.task).map(\.key.id) == ["T/1", "T/2"])
            }
        }

        @Test func `who only calls controllers reads where they are, the leader first, and is told of each change`()
            async throws
        {
            try await withReader { session, course in
                await #expect(throws: StoreError.self, "nobody has founded it") {
                    try await session.standingControllers()
                }
                #expect(try await session.exists("/election") == nil, "whoever reads makes nothing")
                let one = try await course.elect("a")
                course.stand("b")
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

        /// A server, and a session of somebody who only reads there.
        private func withReader(_ body: (ZooKeeperSession, Course) async throws -> Void) async throws {
            try await Course.run { course in
                let session = ZooKeeperSession.open(ZooKeeperSession.Settings(address: course.address))
                let result: Result<Void, any Error>
                do {
                    try await session.connected(within: .seconds(10))
                    result = .success(try await body(session, course))
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

        @Test func `a controller whose place in the line shows late takes it, and does not wait behind itself`()
            async throws
        {
            try await Course.run { course in
                try await withZooKeeper(course.address) { other in
                    let first = try await other.session.create("/election/x-", Array("x".utf8), .ephemeralSequential)
                    course.stand("b")
                    try await course.standing(2)
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
                    try await course.standing(1)
                }
            }
        }

        @Test
        func `all controllers are listed with what they say of themselves, absent ones with when they were last seen`()
            async throws
        {
            try await Course.run { course in
                _ = try await course.elect("host-a:10000")
                try await withZooKeeper(course.address, timeout: Course.session) { store in
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
                try await withZooKeeper(course.address) { store in
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
}
