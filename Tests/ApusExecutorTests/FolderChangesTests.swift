import ApusExecutor
import Foundation
import Testing

/// Who waits for a file to grow is told when it does.
@Suite(.timeLimit(.minutes(1)))
struct FolderChangesTests {
    private let scratch: Scratch
    private let folders: FolderChanges

    init() throws {
        scratch = try Scratch()
        folders = try #require(FolderChanges())
    }

    private func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(scratch.path)/file"))
    }

    @Test func `a change is told soon, also one of before the question`() async throws {
        var changes = try #require(folders.changes(in: scratch.path)).makeAsyncIterator()
        let begin = ContinuousClock.now
        try write("one")
        #expect(await changes.next() != nil)
        async let next: Void? = changes.next()
        try write("two")
        #expect(await next != nil)
        // Long before it would be told without any.
        #expect(ContinuousClock.now - begin < .seconds(25))
    }

    @Test func `without a change it is told now and then, for kernels that do not see all`() async throws {
        let folders = try #require(FolderChanges(interval: .milliseconds(100)))
        var changes = try #require(folders.changes(in: scratch.path)).makeAsyncIterator()
        #expect(await changes.next() != nil)
    }

    @Test func `who is cancelled waits no longer, and the folder can be watched again`() async throws {
        let changes = try #require(folders.changes(in: scratch.path))
        let waiting = Task { for await _ in changes {} }
        waiting.cancel()
        await waiting.value
        var again = try #require(folders.changes(in: scratch.path)).makeAsyncIterator()
        try write("one")
        #expect(await again.next() != nil)
    }

    @Test func `a folder that is not there cannot be watched`() {
        #expect(folders.changes(in: "\(scratch.path)/none") == nil)
    }
}
