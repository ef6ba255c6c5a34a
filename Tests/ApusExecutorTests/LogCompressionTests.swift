import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Rotated files are compressed, and are read as if they were not.
@Suite(.timeLimit(.minutes(2)))
struct LogCompressionTests {
    private let bench: LogBench

    init() throws { bench = try LogBench() }

    private func place() throws -> LogPlace {
        try #require(LogPlace(owner: LogBench.owner, instance: LogBench.instance))
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: bench.folder).sorted() }
    }

    private func write(_ numbers: Range<Int>) {
        let text = String(repeating: "some words that are much alike ", count: 30)
        bench.engine.write(numbers.map { ScriptedLogs.Entry(kind: 1, time: Int64($0), text: "\($0) \(text)") })
    }

    /// Every rotated file is compressed, and nothing half done is left.
    private func isCompressed() throws -> Bool {
        let names = try names
        return names.count > 1 && names.allSatisfy { $0 == "output.log" || $0.hasSuffix(".gz") }
    }

    /// Two or three files of a megabyte, written with rests between, so that they change places.
    private func fill(_ compress: Bool = true) async throws -> [String] {
        let test = self
        try await bench.capturing(.local(maxSize: "400k", maxFiles: 100, compress: compress)) { _ in
            for part in 0..<4 {
                test.write(part * 1_000..<(part + 1) * 1_000)
                try await eventually("part \(part) is written") { try test.bench.written().count == (part + 1) * 1_000 }
            }
            if compress { try await eventually("it is compressed") { try test.isCompressed() } }
        }
        return try bench.lines()
    }

    @Test func `other tools read what is compressed, and it is far smaller`() async throws {
        let lines = try await fill()
        #expect(lines.count == 4_000)
        #expect(lines.enumerated().allSatisfy { $1.dropFirst(35).hasPrefix("\($0) ") }, "in order, each once")
        let sizes = try names.filter { $0.hasSuffix(".gz") }.map { name in
            try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/\(name)")[.size] as? Int ?? .max
        }
        #expect(sizes.reduce(0, +) < lines.joined().utf8.count / 5)
    }

    @Test func `names, lengths and pieces are those of the text, whatever part is asked for`() async throws {
        _ = try await fill()
        let place = try place()
        let names = try await bench.reader.files(of: place)
        #expect(names == (0..<names.count).map { $0 == 0 ? "output.log" : "output.log.\($0)" })
        #expect(names.count > 1)
        for name in names.dropFirst() {
            let text = try bench.text(of: "\(name).gz")
            try #require(text.utf8.count > 300 << 10, "more than one member")
            let end = try await bench.reader.read(name, of: place, offset: -1, length: -1)
            #expect(end.offset == text.utf8.count)
            var (read, offset) = ("", 0)
            while offset < text.utf8.count {
                let piece = try await bench.reader.read(name, of: place, offset: offset, length: 100_003)
                try #require(piece.next > offset)
                read += piece.data
                offset = piece.next
            }
            #expect(read == text)
            let middle = try await bench.reader.read(name, of: place, offset: (256 << 10) - 5, length: 10)
            #expect(middle.data == String(text.dropFirst((256 << 10) - 5).prefix(10)), "over the end of a member")
            #expect(try await bench.reader.read(name, of: place, offset: .max, length: .max).data.isEmpty)
            await #expect(throws: LogRefusal.self) {
                try await bench.reader.read("\(name).gz", of: place, offset: 0, length: -1)
            }
        }
    }

    @Test func `an executor that starts again repeats nothing of what is compressed, and compresses the rest`()
        async throws
    {
        // As if it had been killed between the rotation and the compression.
        let before = try await fill(false)
        #expect(try !isCompressed())
        try FileManager.default.removeItem(atPath: "\(bench.folder)/output.log")
        let kept = try bench.lines().count
        let test = self
        try await bench.capturing(.local(maxSize: "400k", maxFiles: 100, compress: true)) { _ in
            try await eventually("the newest is written again") { try test.bench.written() == before }
            try await eventually("the others are compressed") { try test.isCompressed() }
        }
        try FileManager.default.removeItem(atPath: "\(bench.folder)/output.log")
        #expect(try bench.lines().count <= kept)
        try await bench.capturing(.local(maxSize: "400k", maxFiles: 100, compress: true)) { _ in
            try await eventually("it is whole once more") { try test.bench.written().count >= before.count }
        }
        let isWhole = try bench.lines() == before
        #expect(isWhole, "nothing twice, though how far it was written stands in a compressed file")
    }

    @Test func `rotations go on while files are compressed, and the oldest go as they always do`() async throws {
        let test = self
        try await bench.capturing(.local(maxSize: "64k", maxFiles: 3, compress: true)) { capture in
            test.write(0..<3_000)
            test.bench.engine.stop()
            await capture.drained(LogBench.instance, within: .seconds(60))
            try await eventually("all is compressed") { try test.isCompressed() }
        }
        #expect(try names == ["output.log", "output.log.1.gz", "output.log.2.gz"])
        let numbers = try bench.lines().compactMap { Int($0.dropFirst(35).prefix { $0 != " " }) }
        #expect(numbers.last == 2_999)
        #expect(numbers == Array((numbers.first ?? 0)...2_999), "in order, without a gap")
    }

    @Test func `a damaged file is refused with a reason, and nothing else suffers`() async throws {
        _ = try await fill()
        let path = "\(bench.folder)/output.log.1.gz"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[60] ^= 0xFF
        try bytes.write(to: URL(filePath: path))
        let place = try place()
        await #expect(throws: FileFailure.self) {
            try await bench.reader.read("output.log.1", of: place, offset: 0, length: -1)
        }
        for cut in [0, 10, bytes.count / 2] {
            try bytes.prefix(cut).write(to: URL(filePath: path))
            do {
                let piece = try await bench.reader.read("output.log.1", of: place, offset: 0, length: -1)
                #expect(cut == 0 && piece.data.isEmpty)
            } catch {
                #expect("\(error)".contains("output.log.1.gz"))
            }
        }
        let test = self
        try await bench.capturing(.local(maxSize: "10m", maxFiles: 100, compress: true)) { _ in
            test.write(4_000..<4_001)
            try await eventually("it goes on") { try test.bench.written().last?.contains("4000 ") ?? false }
        }
    }

    @Test func `while a file is followed its reader waits for lines, and for no longer than it said`() async throws {
        try bench.put("\(LogBench.line("a", at: 1))\n")
        let (reader, place) = (bench.reader, try place())
        let end = try await reader.read("output.log", of: place, offset: -1, length: -1).offset
        async let waited = reader.read("output.log", of: place, offset: end, length: -1, waiting: .seconds(60))
        try await bench.probeOnce()
        try bench.put("\(LogBench.line("a", at: 1))\n\(LogBench.line("b", at: 2))\n")
        #expect(try await waited.data == "\(LogBench.line("b", at: 2))\n")
        let begin = ContinuousClock.now
        let far = try await reader.read("output.log", of: place, offset: 10_000, length: -1, waiting: .seconds(1))
        #expect(far.data.isEmpty)
        #expect(ContinuousClock.now - begin < .seconds(20))
    }
}
