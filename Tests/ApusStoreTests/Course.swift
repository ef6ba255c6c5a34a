import ApusModel
import ApusStore
import ApusTestKit
import Synchronization
import Testing

/// What the controllers of a test that stand for election at one real server do, in order.
final class Course: Sendable {
    private struct Step: Equatable {
        var who: String
        var what: String
    }

    /// That of each of them.
    static let session: Duration = .seconds(3)

    let ensemble: ZooKeeperEnsemble
    let address: ZooKeeperAddress
    private let candidates = Mutex<[String: Task<Void, any Error>]>([:])
    private let steps = Mutex<[Step]>([])
    private let terms = Mutex<[String: Term]>([:])
    private let stores = Mutex<[String: ZooKeeperStore]>([:])

    private init(_ ensemble: ZooKeeperEnsemble, _ address: ZooKeeperAddress) {
        (self.ensemble, self.address) = (ensemble, address)
    }

    func note(_ who: String, _ what: String) { steps.withLock { $0.append(Step(who: who, what: what)) } }
    func began(_ who: String, _ term: Term) {
        terms.withLock { $0[who] = term }
        note(who, "leads")
    }
    private func uses(_ who: String, _ store: ZooKeeperStore) { stores.withLock { $0[who] = store } }
    func store(_ who: String) throws -> ZooKeeperStore { try #require(stores.withLock { $0[who] }) }
    func isUp(_ who: String) -> Bool { stores.withLock { $0[who] != nil } }
    func has(_ who: String, _ what: String) -> Bool { steps.withLock { $0.contains(Step(who: who, what: what)) } }
    func order() -> [String] { steps.withLock { $0.map { "\($0.who) \($0.what)" } } }
    func term(_ who: String) throws -> Term { try #require(terms.withLock { $0[who] }) }
    func leads(_ who: String) async throws -> Term {
        try await eventually("\(who) leads") { has(who, "leads") }
        return try term(who)
    }

    static func withServer(_ body: (ZooKeeperEnsemble, ZooKeeperAddress) async throws -> Void) async throws {
        try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { try await body($0, try $0.address("/apus")) }
    }

    /// A server, at which whoever stands for election does so until `body` has ended.
    static func run(_ body: (Course) async throws -> Void) async throws {
        try await withServer { ensemble, address in
            let course = Course(ensemble, address)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(course))
            } catch {
                result = .failure(error)
            }
            let left = course.candidates.withLock { Array($0.values) }
            for candidate in left { candidate.cancel() }
            for candidate in left { _ = await candidate.result }
            try result.get()
        }
    }

    /// Has a controller stand for election beside whatever else goes on; at its own address if one is given.
    func stand(
        _ who: String,
        at address: ZooKeeperAddress? = nil,
        times: Int = .max,
        _ use: @escaping @Sendable (ZooKeeperStore, ZooKeeperLeadership) async throws -> Void = { _, _ in }
    ) {
        let place = address ?? self.address
        // Ended and awaited by `run`, or by `end` before that.
        let candidate = Task { try await control(who, at: place, times: times, use) }
        candidates.withLock { $0[who] = candidate }
    }

    /// The same, and waits until it leads.
    func elect(_ who: String, at address: ZooKeeperAddress? = nil, times: Int = .max) async throws -> Term {
        stand(who, at: address, times: times)
        return try await leads(who)
    }

    /// Ends a controller, and waits until it has left.
    func end(_ who: String) async {
        let candidate = candidates.withLock { $0.removeValue(forKey: who) }
        candidate?.cancel()
        _ = await candidate?.result
    }

    /// Stands for election again and again, and leads until its term ends.
    private func control(
        _ who: String,
        at address: ZooKeeperAddress,
        times: Int,
        _ use: @Sendable (ZooKeeperStore, ZooKeeperLeadership) async throws -> Void
    ) async throws {
        try await withZooKeeper(address, timeout: Self.session, callTimeout: Self.session) { store in
            uses(who, store)
            let leadership = ZooKeeperLeadership(store: store, id: who, description: Array("this is \(who)".utf8))
            try await use(store, leadership)
            for _ in 0..<times {
                let end = try await leadership.lead { [self] term in
                    began(who, term)
                    _ = await term.ended()
                }
                note(who, "\(end)")
            }
        }
    }

    /// Waits until so many stand in the line.
    func standing(_ count: Int) async throws {
        try await withZooKeeper(address) { store in
            try await eventually("\(count) stand in the line") {
                try await store.session.children("/election").count == count
            }
        }
    }
}
