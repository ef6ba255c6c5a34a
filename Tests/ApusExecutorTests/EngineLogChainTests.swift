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

    /// A chain that goes on behind those lines of ours.
    private func chain(after text: String = "") throws -> EngineLogChain {
        try #require(EngineLogChain(path, after: LogPosition(after: text)))
    }

    /// What matters next, and how many blocks it took.
    private func next(of chain: EngineLogChain) throws -> (step: EngineLogChain.Step, blocks: Int) {
        var blocks = 0
        while true {
            blocks += 1
            let step = try chain.next()
            switch step {
            case .more, .notice: continue
            case .entries, .end, .gone: return (step, blocks)
            }
        }
    }

    /// The numbers up to the end of what there is.
    private func rest(of chain: EngineLogChain) throws -> [Int] {
        var numbers: [Int] = []
        while case .entries(let frames) = try next(of: chain).step { numbers += Self.numbers(in: frames) }
        return numbers
    }

    private static func numbers(in frames: [UInt8]) -> [Int] {
        var numbers: [Int] = []
        var offset = 0
        while frames.count - offset > 8 {
            let length = frames[(offset + 4)..<(offset + 8)].reduce(0) { $0 << 8 | Int($1) }
            let text = String(decoding: frames[(offset + 8)..<(offset + 8 + length)], as: UTF8.self)
            if let number = text.split(separator: " ").last.flatMap({ Int($0.dropLast()) }) { numbers.append(number) }
            offset += 8 + length
        }
        return numbers
    }

    @Test func `what is compressed is read as what is not, from the oldest on`() throws {
        try write(0..<3, to: "\(path).2")
        try compress("\(path).2")
        try write(3..<6, to: "\(path).1")
        try write(6..<9)
        let chain = try chain()
        #expect(try rest(of: chain) == Array(0..<9))
        #expect(try chain.next() == .end)
    }

    @Test func `a file that is renamed, compressed and so removed while it is read is followed by the next`() throws {
        try write(0..<3)
        let chain = try chain()
        #expect(try rest(of: chain) == Array(0..<3))
        // Two rotations at once.
        try move(path, "\(path).2")
        try compress("\(path).2")
        try write(3..<6, to: "\(path).1")
        try write(6..<9)
        #expect(try rest(of: chain) == Array(3..<9))
    }

    @Test func `files that begin with the same time, as those of one endless line do, are told apart`() throws {
        func lines(_ numbers: Range<Int>) -> [String] { numbers.map { Self.line($0, at: 10) } }
        try write(lines(0..<2))
        let chain = try chain()
        #expect(try rest(of: chain) == [0, 1])
        try move(path, "\(path).1")
        try write(lines(2..<5))
        #expect(try rest(of: chain) == [2, 3, 4])
        try move("\(path).1", "\(path).2")
        try compress("\(path).2")
        try move(path, "\(path).1")
        try write(lines(5..<6))
        #expect(try rest(of: chain) == [5])
        #expect(try rest(of: self.chain()) == Array(0..<6))
    }

    @Test func `what is written of one time is known though it began in the file before`() throws {
        try write((0..<4).map { Self.line($0, at: 10) }, to: "\(path).1")
        try write((4..<6).map { Self.line($0, at: 10) } + [Self.line(6, "stderr", at: 20)])
        // Five of the six are written.
        let ours = (0..<5).map { "2026-11-21T10:10:10.000000000Z out \($0)\n" }.joined()
        #expect(try rest(of: chain(after: ours)) == Array(0..<7), "from before the first of them on")
    }

    @Test func `a name that is gone amid a rotation is waited for, and no line left out`() throws {
        try write(0..<3, to: "\(path).2")
        try write(3..<6)
        let chain = try chain()
        // `.1` has no name yet.
        #expect(try chain.next() == .gone)
        try move(path, "\(path).1")
        #expect(try chain.next() == .gone)
        try write(6..<9)
        #expect(try rest(of: chain) == Array(0..<9))
    }

    @Test func `a file that somebody has removed keeps the others from being read for a moment only`() throws {
        try write(0..<3, to: "\(path).2")
        try write(3..<6)
        try write(9..<10, to: "\(path).20261121")
        let chain = try chain()
        #expect(try chain.next() == .gone)
        #expect(chain.leaveOut())
        #expect(!chain.leaveOut())
        #expect(try rest(of: chain) == [9, 0, 1, 2, 3, 4, 5])
        try move(path, "\(path).1")
        #expect(try rest(of: chain) == [], "the newest may come yet")
        try write(6..<9)
        #expect(try rest(of: chain) == [6, 7, 8])
    }

    @Test(arguments: [false, true])
    func `it goes on from the last line that is written, whichever file it stands in`(isCompressed: Bool) throws {
        try write(0..<3, to: "\(path).2")
        try write(3..<6, to: "\(path).1")
        if isCompressed { try compress("\(path).1") }
        try write(6..<9)
        #expect(try rest(of: chain(after: "2026-11-21T10:10:14.000000000Z out 4\n")) == Array(4..<9))
        #expect(try rest(of: chain(after: "2026-11-21T10:10:12.000000000Z out 2\n")) == Array(2..<9))
        #expect(try rest(of: chain(after: "2026-11-21T10:10:18.000000000Z out 8\n")) == [8])
    }

    @Test func `a newest file that somebody has removed is read on, and what is older is not told again`() throws {
        try write(0..<3, to: "\(path).1")
        try write(3..<6)
        let writer = try FileHandle(forWritingTo: URL(filePath: path))
        let chain = try chain()
        #expect(try rest(of: chain) == Array(0..<6))
        try FileManager.default.removeItem(atPath: path)
        #expect(try next(of: chain).step == .gone)
        #expect(chain.leaveOut())
        #expect(try rest(of: chain) == [])
        try writer.seekToEnd()
        try writer.write(contentsOf: Data("\(Self.line(6))\n".utf8))
        try writer.close()
        #expect(try rest(of: chain) == [6])
        try write(7..<9)
        #expect(try rest(of: chain) == [7, 8])
    }

    @Test(arguments: [false, true])
    func `it says how far on the last line that is written stands at most`(isCompressed: Bool) throws {
        func length(_ lines: [String]) -> Int { lines.joined(separator: "\n").utf8.count + 1 }
        let (older, newer) = ([Self.line(1), Self.line(2, at: 20), Self.line(3, "stderr")], [Self.line(4, at: 20)])
        try write(older, to: "\(path).1")
        if isCompressed { try compress("\(path).1") }
        try write(newer + [Self.line(5, at: 21)])
        func bytes(after text: String) throws -> Int? {
            let chain = try chain(after: text)
            while true {
                switch try chain.next() {
                case .notice(.inOrder(let bytes)): return bytes
                case .notice(.held), .more: continue
                case .entries, .end, .gone: return nil
                }
            }
        }
        // From the first of its time to the last, over both files.
        let ours = ["2", "4"].map { "2026-11-21T10:10:20.000000000Z out \($0)\n" }.joined()
        #expect(try bytes(after: ours) == length(Array(older[1...])) + length(newer))
        #expect(try bytes(after: "2026-11-21T10:10:21.000000000Z out 5\n") == length([Self.line(5, at: 21)]))
        #expect(try bytes(after: "2026-11-21T10:10:11.000000000Z out 1\n") ?? 0 >= length([older[0]]))
        #expect(try bytes(after: "") == 0)
    }

    @Test func `the other stream's line of the same time is not taken for it`() throws {
        try write([Self.line(1), Self.line(2), Self.line(3, "stderr"), Self.line(4, "stderr", at: 12), Self.line(5)])
        #expect(try rest(of: chain(after: "2026-11-21T10:10:12.000000000Z out 2\n")) == [2, 3, 4, 5])
    }

    @Test func `a stream that was silent since then is not told again, and a clock set back hides nothing`() throws {
        let before = [Self.line(1, "stderr"), Self.line(2), Self.line(3, "stderr"), Self.line(5), Self.line(6)]
        try write(before + [Self.line(7, at: 12), Self.line(8, "stderr", at: 13)])
        #expect(try rest(of: chain(after: "2026-11-21T10:10:16.000000000Z out 6\n")) == [6, 7, 8])
    }

    @Test func `where the last line is nowhere any more what is later is told, and a while before it`() throws {
        let before = [Self.line(1, "stderr"), Self.line(2), Self.line(3, "stderr"), Self.line(5), Self.line(6)]
        try write(before + [Self.line(7, at: 12), Self.line(8, "stderr", at: 13)])
        // The engine has lost it: its file ends in 5, as it was before the machine failed.
        #expect(try rest(of: chain(after: "2026-11-21T10:10:15.500000000Z out lost\n")) == [5, 6, 7, 8])
        // Its oldest file was begun after it.
        #expect(try rest(of: chain(after: "2026-11-21T09:00:00.000000000Z out old\n")) == [1, 2, 3, 5, 6, 7, 8])
    }

    /// Seconds after ten o'clock.
    private static func time(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "2026-11-21T\(10 + seconds / 3_600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    private static func line(_ number: Int, atSecond second: Int, filler: String = "") -> String {
        #"{"log":"\#(filler) \#(number)\n","stream":"stdout","time":"\#(time(second))Z"}"#
    }

    @Test func `after a clock was set back by an hour it goes on from the last line in the file's order`() throws {
        // From eleven o'clock on; then from ten on, until those times have come again.
        let numbers = 0..<5_000
        try write(numbers.map { Self.line($0, atSecond: $0 < 600 ? 3_600 + $0 : $0 - 600) })
        for last in [650, 4_300, 4_799, 4_999] {
            let text = "\(Self.time(last - 600)).000000000Z out \(last)\n"
            #expect(try rest(of: chain(after: text)) == Array(last..<5_000), "behind \(last)")
        }
    }

    @Test func `a long file is not read from its beginning`() throws {
        let filler = String(repeating: "x", count: 1_000)
        let count = 16_000
        try write((0..<count).map { Self.line($0, atSecond: $0, filler: filler) })
        let chain = try chain(after: "\(Self.time(count - 3)).000000000Z out \(count - 3)\n")
        let (step, blocks) = try next(of: chain)
        guard case .entries(let frames) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(Self.numbers(in: frames) == [count - 3, count - 2, count - 1])
        // Of more than sixty.
        #expect(blocks < 20)
    }

    @Test func `what was there is told though its files are removed`() throws {
        try write(0..<3, to: "\(path).1")
        try write(3..<6)
        let chain = try chain()
        #expect(try chain.next() == .notice(.held))
        for name in [path, "\(path).1"] { try FileManager.default.removeItem(atPath: name) }
        #expect(try rest(of: chain) == Array(0..<6))
        #expect(try chain.next() == .gone)
    }

    @Test func `a file begun after the clock was set back is read after the one before it`() throws {
        try write(5..<8)
        let chain = try chain()
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
        let chain = try chain()
        #expect(try rest(of: chain).suffix(3) == [3, 4, 5])
    }

    @Test func `a container without files, or with files of another kind, is not read here`() throws {
        for path in [path, "\(scratch.path)/local.log", ""] {
            #expect(EngineLogChain(path, after: LogPosition()) == nil)
        }
    }
}
