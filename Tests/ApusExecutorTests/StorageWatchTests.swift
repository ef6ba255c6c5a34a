import ApusExecutor
import ApusTestKit
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct StorageWatchTests {
    @Test func `a state directory that cannot be written is told, and that it can be again`() async throws {
        let scratch = try Scratch()
        let directory = try scratch.directory()
        defer { directory.close() }
        let last = LastFault()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await StorageWatch(directory, interval: .milliseconds(10)).run { last.take($0) }
            }
            try await eventually("it can be written") { last.fault == nil }
            try FileManager.default.moveItem(atPath: directory.path, toPath: "\(scratch.path)/away")
            try await eventually("it cannot be written") {
                last.fault?.hasPrefix("creating \(directory.path)/room.new") == true
            }
            try FileManager.default.moveItem(atPath: "\(scratch.path)/away", toPath: directory.path)
            try await eventually("it can be written again") { last.fault == nil }
            group.cancelAll()
        }
        #expect(try scratch.names == ["executor.lock"])
    }
}

/// What came of the last try.
private final class LastFault: Sendable {
    private let last = Mutex<String?>("not tried")

    var fault: String? { last.withLock { $0 } }

    func take(_ fault: String?) { last.withLock { $0 = fault } }
}
