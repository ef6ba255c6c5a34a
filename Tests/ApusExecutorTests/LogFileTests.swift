import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Glibc
import Testing

/// Log files as they are read, kept and removed.
@Suite(.timeLimit(.minutes(2)))
struct LogFileTests {
    private let bench: LogBench

    init() throws { bench = try LogBench() }

    private func place() throws -> LogPlace {
        try #require(LogPlace(owner: LogBench.owner, instance: LogBench.instance))
    }

    private func read(_ offset: Int, _ length: Int, _ file: String = "output.log") async throws -> LogPiece {
        try await bench.reader.read(file, of: try place(), offset: offset, length: length)
    }

    // MARK: reading

    @Test func `a reader starts at the end, goes on from there, and beyond the end finds nothing`() async throws {
        try bench.put("first\nsecond\n")
        let end = try await read(-1, -1)
        #expect((end.data, end.offset, end.next) == ("", 13, 13))
        try bench.put("first\nsecond\nthird\n")
        let more = try await read(13, -1)
        #expect((more.data, more.offset, more.next) == ("third\n", 13, 19))
        #expect(try await read(1_000, -1).data.isEmpty)
        #expect(try await read(0, 0).data.isEmpty)
        #expect(try await read(.max, .max).data.isEmpty)
        await #expect(throws: LogRefusal.self) { try await read(-1, 10) }
        await #expect(throws: LogRefusal.self) { try await read(-2, -1) }
    }

    @Test func `no piece ends within a character, and pieces together are the file`() async throws {
        let text = String(repeating: "aä€😀", count: 1_000)
        try bench.put(text)
        for length in [1, 2, 3, 4, 5, 7, 100, 4_096] {
            var (read, offset) = ("", 0)
            while offset < text.utf8.count {
                let piece = try await self.read(offset, max(length, 4))
                #expect(!piece.data.contains("\u{FFFD}"))
                try #require(piece.next > offset, "it goes on")
                #expect(piece.next - offset == piece.data.utf8.count)
                read += piece.data
                offset = piece.next
            }
            #expect(read == text, "pieces of \(length)")
        }
    }

    @Test func `bytes that are no text do not stop a reader`() async throws {
        try bench.put("")
        try Data([0xFF, 0xC3, 0xE2, 0x82, 0xF0, 0x80, 0x80, 0x80, 0xC3]).write(
            to: URL(filePath: "\(bench.folder)/output.log")
        )
        var offset = 0
        while offset < 9 {
            let piece = try await read(offset, 2)
            try #require(piece.next > offset)
            offset = piece.next
        }
    }

    @Test func `one piece is at most 256 KiB, and 32 KiB if nobody says`() async throws {
        try bench.put(String(repeating: "x", count: 3 << 20))
        #expect(try await read(0, -1).data.utf8.count == 32_768)
        #expect(try await read(0, .max).data.utf8.count == 256 << 10)
    }

    @Test func `a file keeps its mark when it gets another name`() async throws {
        let (old, new) = (LogBench.line("old", at: 1), LogBench.line("new", at: 2))
        try bench.put("\(old)\n")
        let before = try await read(0, 0).file
        try bench.put("\(old)\n", in: "output.log.1")
        try bench.put("\(new)\n")
        #expect(try await read(0, 0, "output.log.1").file == before)
        #expect(try await read(0, 0).file > before)
    }

    @Test func `files are listed from the newest on, and others are not`() async throws {
        for name in ["output.log.10", "output.log.9", "output.log", "secret", ".next"] { try bench.put("", in: name) }
        #expect(try await bench.reader.files(of: try place()) == ["output.log", "output.log.9", "output.log.10"])
        let nowhere = try #require(LogPlace(.tasks, owner: "NO", name: "NO"))
        #expect(try await bench.reader.files(of: nowhere).isEmpty)
    }

    @Test func `an instance is found before a task of that name, and a task where there is no instance`() async throws {
        try bench.put("")
        #expect(try await bench.reader.place(owner: "WEB-1", name: "AI-1").kind == .applications)
        #expect(try await bench.reader.place(owner: "WEB-1", name: "T1").kind == .tasks)
    }

    // MARK: names

    static let escapes = ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "a\nb", String(repeating: "x", count: 256)]

    @Test(arguments: escapes) func `no name leads out of the folder`(_ name: String) async throws {
        #expect(LogPlace(.applications, owner: name, name: "AI-1") == nil)
        #expect(LogPlace(.tasks, owner: "WEB", name: name) == nil)
        #expect(LogPlace(owner: .task(TaskID(source: "WEB", name: name)), instance: LogBench.instance) == nil)
        try bench.put("")
        await #expect(throws: LogRefusal.self) { try await read(0, -1, name) }
        await #expect(throws: LogRefusal.self) { try await read(0, -1, "output.\(name)/../../x") }
        await #expect(throws: LogRefusal.self) { try await bench.reader.place(owner: name, name: "x") }
    }

    @Test(arguments: ["output.log", "output.log.1.gz", "a folder", "an owner"])
    func `a link is not followed, not even to a folder`(_ what: String) async throws {
        let files = FileManager.default
        try bench.put("secret", in: "other")
        switch what {
        case "a folder", "an owner":
            let elsewhere = "\(bench.scratch.path)/elsewhere"
            try files.createDirectory(atPath: "\(elsewhere)/AI-1", withIntermediateDirectories: true)
            for folder in [elsewhere, "\(elsewhere)/AI-1"] {
                try Data("secret".utf8).write(to: URL(filePath: "\(folder)/output.log"))
            }
            let link = what == "a folder" ? bench.folder : "\(bench.root)/applications/WEB-1"
            try files.removeItem(atPath: link)
            try files.createSymbolicLink(atPath: link, withDestinationPath: elsewhere)
            await #expect(throws: (any Error).self) { try await bench.reader.files(of: try place()) }
        default:
            try files.createSymbolicLink(
                atPath: "\(bench.folder)/\(what)",
                withDestinationPath: "\(bench.folder)/other"
            )
        }
        await #expect(throws: LogRefusal.self) {
            try await read(0, -1, what.hasSuffix(".gz") ? "output.log.1" : "output.log")
        }
    }

    @Test(arguments: ["pipe", "folder"])
    func `what is no file in a file's place is refused at once`(_ kind: String) async throws {
        try bench.put("", in: "other")
        let path = "\(bench.folder)/output.log"
        switch kind {
        case "pipe": try #require(mkfifo(path, 0o600) == 0)
        default: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        await #expect(throws: LogRefusal.self) { try await read(0, -1) }
        await #expect(throws: LogRefusal.self) { try await read(-1, -1) }
    }

    // MARK: how long they are kept

    private func retention(_ capture: LogCapture, bytes: Int = .max, diskBytes: Int64 = .max) -> LogRetention {
        LogRetention(
            root: bench.root,
            capture: capture,
            disk: bench.disk,
            logger: LoopRig.logger,
            mostBytes: bytes,
            longest: .seconds(3_600),
            measure: { _ in FileSystemSpace(total: diskBytes, free: 0) }
        )
    }

    /// One that knows all that runs.
    private var idle: LogCapture {
        let capture = LogCapture(root: bench.root, source: bench.engine, disk: bench.disk, logger: LoopRig.logger)
        capture.listed(all: true)
        return capture
    }

    /// A folder of an instance that was last known to live so many seconds ago.
    private func put(_ name: String, bytes: Int, age: Double) throws {
        let folder = "\(bench.root)/applications/OLD-1/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(count: bytes).write(to: URL(filePath: "\(folder)/output.log"))
        try FileManager.default.setAttributes([.modificationDate: Date() - age], ofItemAtPath: folder)
    }

    private func kept() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: bench.root).filter { $0.hasSuffix("/output.log") }.sorted()
            .map { String($0.split(separator: "/")[2]) }
    }

    @Test func `nothing is removed while a container that runs is not on record`() async throws {
        try put("AI-old", bytes: 10, age: 4_000)
        let capture = idle
        capture.listed(all: false)
        #expect(try await retention(capture).sweep().isEmpty)
        #expect(try kept() == ["AI-old"])
    }

    @Test func `what ended long ago is removed, with the folders that are empty then`() async throws {
        try put("AI-old", bytes: 10, age: 4_000)
        #expect(try await retention(idle).sweep().map(\.name) == ["AI-old"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(bench.root)/applications").isEmpty)
        try put("AI-old", bytes: 10, age: 4_000)
        try put("AI-new", bytes: 10, age: 3_000)
        _ = try await retention(idle).sweep()
        #expect(try kept() == ["AI-new"])
    }

    @Test func `nothing is removed before it is known what runs`() async throws {
        try put("AI-old", bytes: 10, age: 4_000)
        let capture = LogCapture(root: bench.root, source: bench.engine, disk: bench.disk, logger: LoopRig.logger)
        #expect(try await retention(capture, bytes: 1).sweep().isEmpty)
        #expect(try kept() == ["AI-old"])
    }

    @Test func `of too much the oldest is removed`() async throws {
        for (name, age) in [("AI-a", 30.0), ("AI-b", 20), ("AI-c", 10)] { try put(name, bytes: 1_000, age: age) }
        _ = try await retention(idle, bytes: 2_500).sweep()
        #expect(try kept() == ["AI-b", "AI-c"])
    }

    @Test func `what is followed is never removed, however old and long its files are`() async throws {
        try put("AI-mine", bytes: 5_000, age: 90_000)
        let capture = idle
        capture.follow(
            instance: InstanceID("AI-mine"),
            owner: .application(AppID("OLD-1")),
            container: ScriptedLogs.container,
            logging: nil
        )
        #expect(try await retention(capture, bytes: 10).sweep().isEmpty)
        // Nor soon after a restart, before it is followed again.
        #expect(try await retention(idle).sweep().isEmpty)
    }

    @Test func `all logs together take four fifths of their disk, and those of what runs stay`() async throws {
        for (name, age) in [("AI-mine", 50.0), ("AI-a", 30), ("AI-b", 20)] { try put(name, bytes: 1_000, age: age) }
        let capture = idle
        capture.follow(
            instance: InstanceID("AI-mine"),
            owner: .application(AppID("OLD-1")),
            container: ScriptedLogs.container,
            logging: nil
        )
        #expect(try await retention(capture, diskBytes: 10_000).sweep().isEmpty)
        #expect(try await retention(capture, diskBytes: 3_000).sweep().map(\.name) == ["AI-a"])
        #expect(try await retention(capture, diskBytes: 100).sweep().map(\.name) == ["AI-b"])
        #expect(try kept() == ["AI-mine"])
    }

    @Test func `of many under one owner all are looked at`() async throws {
        for number in 0..<100 { try put("AI-\(number)", bytes: 1, age: number % 2 == 0 ? 4_000 : 3_000) }
        #expect(try await retention(idle).sweep().count == 50)
        #expect(try kept().count == 50)
    }

    @Test func `when a disk is full, what is too much goes at once`() async throws {
        try put("AI-old", bytes: 10, age: 4_000)
        let capture = idle
        let retention = retention(capture)
        let file = "\(bench.root)/applications/OLD-1/AI-old/output.log"
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await retention.run() }
            capture.wantRoom()
            try await eventually("it is removed") { !FileManager.default.fileExists(atPath: file) }
        }
    }
}
