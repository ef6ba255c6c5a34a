import ApusClient
import ApusModel
import ApusTestKit
import Synchronization
import Testing

/// How bytes are held back between those who send and those who read.
@Suite(.timeLimit(.minutes(1)))
struct ExecLineTests {
    @Test func `who sends waits while nobody reads, and what is sent in one piece stays together`() async throws {
        let pipe = BytePipe(capacity: 4)
        try await pipe.send([1, 2, 3])
        try await pipe.send([4, 5, 6])
        let sent = Count()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pipe.send([7])
                sent.add(1)
            }
            #expect(!pipe.offer([9]), "there is no room")
            #expect(sent.value == 0)
            #expect(try await pipe.next() == [1, 2, 3, 4, 5, 6])
            try await group.waitForAll()
        }
        #expect(pipe.offer([8]))
        pipe.finish()
        #expect(try await pipe.next() == [7, 8])
        #expect(try await pipe.next() == nil)
        await #expect(throws: BytePipe.Finished.self) { try await pipe.send([1]) }
    }

    @Test func `whoever waits is let go when it is cancelled`() async {
        let pipe = BytePipe(capacity: 1)
        #expect(pipe.offer([1]))
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do { try await pipe.send([2]) } catch { return error is CancellationError }
                return false
            }
            group.addTask {
                let empty = BytePipe(capacity: 1)
                do { _ = try await empty.next() } catch { return error is CancellationError }
                return false
            }
            group.cancelAll()
            for await isLetGo in group { #expect(isLetGo) }
        }
    }

    @Test func `no more data is under way than the other side has taken`() async throws {
        let line = ExecLine()
        let (replies, reply) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(100))
        let arrived = Count()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await line.send([UInt8](repeating: 1, count: 3 * ExecFrame.window)) { .stdin($0) }
                line.outgoing.finish()
            }
            group.addTask { try await line.receive(replies) { _ in } }
            group.addTask {
                var frames = ExecFrames()
                for try await bytes in line.outgoing {
                    for case .stdin(let data) in try frames.take(bytes) { arrived.add(data.count) }
                }
                reply.finish()
            }
            try await eventually("the window is full") { arrived.value == ExecFrame.window }
            // Nothing more comes before something is taken: the next line waits for exactly this many.
            reply.yield(ExecFrame.taken(bytes: 10).bytes)
            try await eventually("as many more come") { arrived.value == ExecFrame.window + 10 }
            reply.yield(ExecFrame.taken(bytes: ExecFrame.window).bytes)
            // Nobody can have taken more than was under way.
            reply.yield(ExecFrame.taken(bytes: 1 << 30).bytes)
            try await eventually("the rest comes") {
                reply.yield(ExecFrame.taken(bytes: ExecFrame.window).bytes)
                return arrived.value == 3 * ExecFrame.window
            }
            try await group.waitForAll()
        }
    }

    @Test func `frames reach who listens, but for those that only the line needs`() async throws {
        let line = ExecLine()
        let (pieces, arriving) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(10))
        arriving.yield(ExecFrame.heartbeat.bytes + ExecFrame.stdout([1]).bytes)
        arriving.yield(ExecFrame.taken(bytes: 1).bytes + ExecFrame.exit(code: 3).bytes)
        arriving.finish()
        var heard: [ExecFrame] = []
        try await line.receive(pieces) { heard.append($0) }
        #expect(heard == [.stdout([1]), .exit(code: 3)])
    }
}

private final class Count: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock(\.self) }

    func add(_ number: Int) { count.withLock { $0 += number } }
}
