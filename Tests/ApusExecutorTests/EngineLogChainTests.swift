import ApusExecutor
import Foundation
import Testing

/// Docker's json-files are read as they are rotated, compressed and removed: each line once, in order.
struct EngineLogChainTests {
    private let scratch: Scratch
    private var path: String { "\(scratch.path)/c1-json.log" }

    init() throws { scratch = try Scratch() }

    private static func line(_ number: Int, _ stream: String = "stdout", at second: Int? = nil) -> String {
        #"{"log":"\#(number)\n","stream":"\#(stream)","time":"2026-11-21T10:10:\#(second ?? 10 + number)Z"}"#
    }

    /// Lines of those numbers, a second apart.
    private func write(_ numbers: Range<Int>, to name: String? = nil) throws {
        try write(numbers.map { Self.line($0) }, to: name)
    }

    private func write(_ lines: [String], to name: String? = nil) throws {
        let text = lines.map { $0 + "\n" }.joined()
        try Data(text.utf8).write(to: URL(filePath: name ?? path))
    }

    private func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    private func compress(_ name: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", name]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    /// The numbers up to the end of what there is.
    private func rest(of chain: EngineLogChain, since: Int64? = nil) throws -> [Int] {
        var numbers: [Int] = []
        while case .entries(var frames) = try chain.next(since: since) {
            while frames.count > 8 {
                let length = frames[4..<8].reduce(0) { $0 << 8 | Int($1) }
                let text = String(decoding: frames[8..<8 + length], as: UTF8.self)
                numbers += text.split(separator: " ").last.flatMap { Int($0.dropLast()) }.map { [$0] } ?? []
                frames.removeFirst(8 + length)
            }
        }
        return numbers
    }

    @Test func `what is compressed is read as what is not, from the oldest on`() throws {
        try write(0..<3, to: "\(path).2")
        try compress("\(path).2")
        try write(3..<6, to: "\(path).1")
        try write(6..<9)
        let chain = try #require(EngineLogChain(path))
        #expect(try rest(of: chain) == Array(0..<9))
        #expect(try chain.next(since: nil) == .end)
    }

    @Test func `a file that is renamed, compressed and so removed while it is read is followed by the next`() throws {
        try write(0..<3)
        let chain = try #require(EngineLogChain(path))
        #expect(try rest(of: chain) == Array(0..<3))
        // Two rotations at once.
        try move(path, "\(path).2")
        try compress("\(path).2")
        try write(3..<6, to: "\(path).1")
        try write(6..<9)
        #expect(try rest(of: chain) == Array(3..<9))
    }

    @Test func `a name that is gone amid a rotation is waited for, and no line left out`() throws {
        try write(0..<3, to: "\(path).2")
        try write(3..<6)
        let chain = try #require(EngineLogChain(path))
        // `.1` has no name yet.
        #expect(try chain.next(since: nil) == .gone)
        try move(path, "\(path).1")
        #expect(try chain.next(since: nil) == .gone)
        try write(6..<9)
        #expect(try rest(of: chain) == Array(0..<9))
    }

    @Test func `what was written since a time is told, whichever file it stands in`() throws {
        try write(0..<3, to: "\(path).2")
        try write(3..<6, to: "\(path).1")
        try write(6..<9)
        let chain = try #require(EngineLogChain(path))
        // 10:10:14 is the second line of `.1`.
        let since = Int64(1_795_255_814) * 1_000_000_000
        #expect(try rest(of: chain, since: since) == Array(4..<9))
    }

    @Test func `a stream that was silent since then is not told again, and a clock set back hides nothing`() throws {
        let since = Int64(1_795_255_814) * 1_000_000_000
        // The last of them was written when `since` was asked for; what follows is new.
        let before = [Self.line(1, "stderr"), Self.line(2), Self.line(3, "stderr"), Self.line(5), Self.line(6)]
        try write(before + [Self.line(7, at: 12), Self.line(8, "stderr", at: 13)])
        let chain = try #require(EngineLogChain(path))
        #expect(try rest(of: chain, since: since) == [5, 6, 7, 8])
    }

    @Test func `a file begun after the clock was set back is read after the one before it`() throws {
        try write(5..<8)
        let chain = try #require(EngineLogChain(path))
        #expect(try rest(of: chain) == [5, 6, 7])
        try move(path, "\(path).1")
        try write(1..<3)
        #expect(try rest(of: chain) == [1, 2])
    }

    @Test func `a damaged file is read as far as it goes, and what comes after it whole`() throws {
        try write(0..<3, to: "\(path).1")
        try compress("\(path).1")
        let name = "\(path).1.gz"
        let bytes = try Data(contentsOf: URL(filePath: name))
        try bytes.prefix(bytes.count - 12).write(to: URL(filePath: name))
        try write(3..<6)
        let chain = try #require(EngineLogChain(path))
        #expect(try rest(of: chain).suffix(3) == [3, 4, 5])
    }

    @Test func `a container without files, or with files of another kind, is not read here`() throws {
        #expect(EngineLogChain(path) == nil)
        #expect(EngineLogChain("\(scratch.path)/local.log") == nil)
        #expect(EngineLogChain("") == nil)
    }
}
