import ApusClient
import ApusTestKit
import Foundation
import Synchronization
import Testing

/// Files that are read again when they change.
@Suite struct WatchedFilesTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/watched" }
    private let news = Told()

    init() throws { folder = try TemporaryFolder() }

    private final class Told: Sendable {
        private let list = Mutex<[WatchedFiles<Int>.News]>([])
        var all: [WatchedFiles<Int>.News] { list.withLock(\.self) }
        func tell(_ news: WatchedFiles<Int>.News) { list.withLock { $0.append(news) } }
    }

    private struct NoNumber: Error, CustomStringConvertible {
        var description: String
    }

    private func put(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }

    private func watched(every interval: Duration) throws -> WatchedFiles<Int> {
        try WatchedFiles([path], every: interval) { [path] in
            let text = String(decoding: try SmallFile.existing(path, .anyones).bytes, as: UTF8.self)
            guard let number = Int(text) else { throw NoNumber(description: "no number: \(text)") }
            return number
        } telling: { [news] in
            news.tell($0)
        }
    }

    @Test func `a new content holds at once, and a broken one leaves the old and is told once`() throws {
        try put("1")
        let file = try watched(every: .zero)
        #expect(file.current == 1)
        try put("2")
        #expect(file.current == 2)
        try put("two")
        #expect(file.current == 2 && file.current == 2)
        try FileManager.default.removeItem(atPath: path)
        #expect(file.current == 2)
        try put("3")
        #expect(file.current == 3)
        #expect(
            news.all == [
                .changed, .unusable("no number: two"),
                .unusable("\(path) cannot be opened: there is no such file"), .changed,
            ]
        )
    }

    @Test func `what hindered the reading may pass without a change of the file`() throws {
        let isBroken = Atomic(false)
        try put("1")
        let file = try WatchedFiles([path], every: .zero) {
            guard !isBroken.load(ordering: .relaxed) else { throw NoNumber(description: "not now") }
            return 7
        } telling: { [news] in
            news.tell($0)
        }
        isBroken.store(true, ordering: .relaxed)
        try put("22")
        #expect(file.current == 7)
        isBroken.store(false, ordering: .relaxed)
        #expect(file.current == 7)
        #expect(news.all == [.unusable("not now"), .changed])
    }

    @Test func `within its interval nobody looks`() throws {
        try put("1")
        let file = try watched(every: .seconds(3600))
        try put("2")
        #expect(file.current == 1)
        #expect(news.all.isEmpty)
    }

    @Test func `what cannot be read at first is no beginning`() {
        #expect(throws: SmallFile.Trouble.self) { try watched(every: .zero) }
    }
}
