import ApusModel
import ApusStore
import ApusTestKit
import Foundation
import Testing

/// Tests on real servers, one after the other: each server takes a core for a while, and sessions are short.
@Suite(.serialized) enum RealZooKeeper {}

/// One real server for all tests of a suite, each of which has a part of the tree to itself.
struct OneZooKeeper: SuiteTrait, TestScoping {
    @TaskLocal static var ensemble: ZooKeeperEnsemble?

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await ZooKeeperEnsemble.with(jar: zooKeeperJar()) { ensemble in
            try await Self.$ensemble.withValue(ensemble) { try await function() }
        }
    }

    /// A new part of the tree of the suite's server.
    static func address() throws -> ZooKeeperAddress {
        try #require(ensemble).address("/test/\(UUID().uuidString)")
    }
}

extension Trait where Self == OneZooKeeper {
    static var oneZooKeeper: Self { OneZooKeeper() }
}

/// Where ZooKeeper itself is.
func zooKeeperJar() throws -> String {
    try #require(
        ProcessInfo.processInfo.environment["APUS_TEST_ZOOKEEPER_JAR"],
        "APUS_TEST_ZOOKEEPER_JAR is not set; scripts/test installs ZooKeeper and sets it"
    )
}

private let start = ContinuousClock.now

/// The clock of all leases here.
@Sendable func monotonic() -> Moment { Moment(nanoseconds: (ContinuousClock.now - start).nanoseconds) }

/// A session, and the store on it; closed afterwards, however it ends.
func withZooKeeper<Value>(
    _ address: ZooKeeperAddress,
    credential: ZooKeeperCredential? = nil,
    timeout: Duration = .seconds(10),
    callTimeout: Duration = .seconds(10),
    _ body: (ZooKeeperStore) async throws -> Value
) async throws -> Value {
    var settings = ZooKeeperSession.Settings(address: address)
    settings.credential = credential
    settings.timeout = timeout
    settings.callTimeout = callTimeout
    let session = ZooKeeperSession.open(settings)
    let result: Result<Value, any Error>
    do {
        result = .success(try await body(try await ZooKeeperStore.open(session, now: monotonic)))
    } catch {
        result = .failure(error)
    }
    await session.close()
    return try result.get()
}

extension ZooKeeperSession {
    /// Deletes a node and all below it.
    func deleteAll(_ path: String) async throws {
        for name in try await children(path) { try await deleteAll("\(path)/\(name)") }
        try await delete(path)
    }
}
