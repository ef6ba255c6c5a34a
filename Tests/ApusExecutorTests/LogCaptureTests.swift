import ApusContainers
import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Testing

/// Every line of a container's output once, whatever breaks.
@Suite(.timeLimit(.minutes(2)))
struct LogCaptureTests {
    private let bench: LogBench

    init() throws { bench = try LogBench() }

    @Test func `lines have their time and their stream before them`() async throws {
        let bench = bench
        bench.engine.write("hello", at: 1)
        bench.engine.write("trouble", at: 2, kind: 2)
        try await bench.capturing { _ in
            try await bench.expect(
                [
                    "2026-11-21T10:42:37.000000001Z out hello",
                    "2026-11-21T10:42:37.000000002Z err trouble",
                ],
                "both are written"
            )
        }
    }

    @Test func `breaks of the stream and restarts of the executor lose and repeat nothing`() async throws {
        let bench = bench
        var wanted: [String] = []
        for round in 0..<6 {
            // Ten lines a second, and many of one time.
            let entries = (0..<500).map { number in
                ScriptedLogs.Entry(
                    kind: number % 3 == 0 ? 2 : 1,
                    time: Int64(round) * 400_000_000 + Int64(number / 7) * 1_000_000,
                    text: "\(round).\(number)"
                )
            }
            wanted += entries.map { LogBench.line($0.text, at: $0.time, $0.kind == 2 ? "err" : "out") }
            let expected = wanted
            // Each round is a capture of its own, which ends as in a crash.
            try await bench.capturing(.local(maxSize: "8k", maxFiles: 100, compress: true)) { _ in
                bench.engine.write(Array(entries[..<250]))
                bench.engine.breakStreams()
                bench.engine.write(Array(entries[250...]))
                try await bench.expect(expected, "round \(round)")
            }
        }
    }

    @Test func `a torn last line is cut off and fetched again`() async throws {
        let bench = bench
        let (first, second) = (LogBench.line("first", at: 1), LogBench.line("second", at: 2))
        try bench.put("\(first)\n\(second.dropLast(3))")
        bench.engine.write("first", at: 1)
        bench.engine.write("second", at: 2)
        try await bench.capturing { _ in try await bench.expect([first, second], "both, whole") }
    }

    @Test func `a crash between lines of one time loses none of them and repeats none`() async throws {
        let bench = bench
        let texts = ["same", "same", "other", "same", "last"]
        try bench.put(texts[..<3].map { LogBench.line($0, at: 5) + "\n" }.joined())
        for text in texts { bench.engine.write(text, at: 5) }
        try await bench.capturing { _ in
            try await bench.expect(texts.map { LogBench.line($0, at: 5) }, "five of one time")
        }
    }

    @Test func `a line of one stream that came late is not taken for one already written`() async throws {
        let bench = bench
        // The engine's own order: the error's time is before that of the line which it follows.
        try bench.put("\(LogBench.line("a", at: 1, "err"))\n\(LogBench.line("b", at: 9))\n")
        bench.engine.write("a", at: 1, kind: 2)
        bench.engine.write("b", at: 9)
        bench.engine.write("late", at: 8, kind: 2)
        try await bench.capturing { _ in
            try await bench.expect(
                [LogBench.line("a", at: 1, "err"), LogBench.line("b", at: 9), LogBench.line("late", at: 8, "err")],
                "the late one is there"
            )
        }
    }

    @Test func `what was written after the clock was set back is there too, and nothing before it twice`() async throws
    {
        let bench = bench
        // Two of the mark's own time, and one before, which the engine tells again; then what is new.
        let times: [Int64] = [4_000, 5_000, 5_000, 5_000, 4_800, 4_900, 5_100]
        let entries = times.enumerated().map { number, milliseconds in
            ScriptedLogs.Entry(kind: 1, time: milliseconds * 1_000_000, text: "line \(number)")
        }
        let wanted = entries.map { LogBench.line($0.text, at: $0.time) }
        try bench.put(wanted[..<3].map { $0 + "\n" }.joined())
        bench.engine.write(entries)
        try await bench.capturing { _ in try await bench.expect(wanted, "each once") }
    }

    @Test func `a line of a year that no engine can be asked for is a line all the same`() async throws {
        let bench = bench
        let far = "2263-01-01T00:00:00.000000001Z out far"
        try bench.put("\(far)\n")
        bench.engine.write("near", at: 1, kind: 2)
        try await bench.capturing { _ in try await bench.expect([far, LogBench.line("near", at: 1, "err")], "both") }
        for time in [
            "1677-01-01T00:00:00.000000000Z", "2262-04-11T23:47:16.854775808Z", "9999-12-31T23:59:59.999999999Z",
        ] {
            #expect(ContainerLogEntry.nanoseconds(time.utf8) == nil, "\(time)")
        }
        #expect(ContainerLogEntry.nanoseconds("2262-04-11T23:47:16.854775807Z".utf8) == .max)
    }

    @Test func `the end of another container of the instance ends nothing`() async throws {
        let bench = bench
        try await bench.capturing { capture in
            bench.engine.write("first", at: 1)
            try await bench.expect([LogBench.line("first", at: 1)], "it is followed")
            let asked = bench.engine.asked
            await capture.drained(LogBench.instance, of: ContainerID("other"))
            bench.engine.write("second", at: 2)
            try await bench.expect([LogBench.line("first", at: 1), LogBench.line("second", at: 2)], "it still is")
            #expect(bench.engine.asked == asked)
            await capture.drained(LogBench.instance, of: ScriptedLogs.container)
        }
    }

    @Test func `a crash amid a rotation loses nothing`() async throws {
        let bench = bench
        let lines = (0..<4).map { LogBench.line("line \($0)", at: Int64($0)) }
        // output.log had its new name already, and there was no new file yet.
        try bench.put("\(lines[0])\n", in: "output.log.2")
        try bench.put("\(lines[1])\n\(lines[2])\n", in: "output.log.1")
        for number in 0..<4 { bench.engine.write("line \(number)", at: Int64(number)) }
        try await bench.capturing { _ in try await bench.expect(lines, "each once") }
    }

    @Test func `pieces of a long line are one line, and a line without an end is written at the container's end`()
        async throws
    {
        let bench = bench
        let piece = String(repeating: "x", count: 16 << 10)
        for _ in 0..<10 { bench.engine.write(piece, at: 1, endsLine: false) }
        bench.engine.write("in between", at: 2, kind: 2)
        bench.engine.write("end", at: 1)
        bench.engine.write("no end", at: 3, endsLine: false)
        let whole = String(repeating: piece, count: 10) + "end"
        let wanted = [LogBench.line("in between", at: 2, "err"), LogBench.line(whole, at: 1)]
        try await bench.capturing { capture in
            try await bench.expect(wanted, "the whole line")
            bench.engine.stop()
            await capture.drained(LogBench.instance)
            #expect(try bench.lines() == wanted + [LogBench.line("no end", at: 3)])
        }
    }

    @Test func `a line beyond all bounds is cut and goes on, also over a restart`() async throws {
        let bench = bench
        let piece = String(repeating: "y", count: 16 << 10)
        // As long as three of the longest lines.
        for _ in 0..<192 { bench.engine.write(piece, at: 1, endsLine: false) }
        bench.engine.write("end", at: 1)
        bench.engine.write("after", at: 2)
        let part = LogBench.line(String(repeating: piece, count: 64), at: 1)
        let wanted = [part, part, part, LogBench.line("end", at: 1), LogBench.line("after", at: 2)]
        try bench.put("\(part)\n")
        try await bench.capturing { _ in try await bench.expect(wanted, "all of it, once") }
    }

    @Test func `what was written last is there before the container may be removed`() async throws {
        let bench = bench
        try await bench.capturing { capture in
            for number in 0..<20_000 { bench.engine.write("line \(number)", at: Int64(number)) }
            bench.engine.stop()
            await capture.drained(LogBench.instance)
            let lines = try bench.lines()
            #expect(lines.count == 20_000)
            let asked = bench.engine.asked
            await capture.drained(LogBench.instance)
            #expect(bench.engine.asked == asked, "it is followed no more")
        }
    }

    @Test func `a container that is gone holds nobody up`() async throws {
        let bench = bench
        try await bench.capturing { capture in
            bench.engine.write("only", at: 1)
            try await bench.expect([LogBench.line("only", at: 1)], "it was written")
            bench.engine.remove()
            bench.engine.breakStreams()
            await capture.drained(LogBench.instance)
            #expect(try bench.lines() == [LogBench.line("only", at: 1)])
        }
    }

    @Test func `the files of an instance are at most so many, and together at most so long`() async throws {
        let bench = bench
        let text = String(repeating: "z", count: 963)
        try await bench.capturing(.local(maxSize: "4k", maxFiles: 3, compress: false)) { capture in
            for number in 0..<100 { bench.engine.write(text, at: Int64(number)) }
            bench.engine.stop()
            await capture.drained(LogBench.instance, within: .seconds(30))
            let files = try FileManager.default.contentsOfDirectory(atPath: bench.folder).sorted()
            #expect(files == ["output.log", "output.log.1", "output.log.2"])
            let lines = try bench.lines()
            #expect(lines.last == LogBench.line(text, at: 99))
            #expect(lines.count <= 3 * 8, "no file grows beyond twice its size")
        }
    }

    @Test func `where nothing can be written it waits, and then writes all`() async throws {
        let bench = bench
        // No file can be where a folder is.
        try FileManager.default.createDirectory(
            atPath: "\(bench.folder)/output.log",
            withIntermediateDirectories: true
        )
        try await bench.capturing { capture in
            for number in 0..<100 { bench.engine.write("line \(number)", at: Int64(number)) }
            try await eventually("people are told") {
                capture.warnings.first?.hasPrefix("the output of one container cannot be written now") == true
            }
            #expect(capture.warnings.first?.contains("output.log: Is a directory") == true)
            try FileManager.default.removeItem(atPath: "\(bench.folder)/output.log")
            try await bench.expect((0..<100).map { LogBench.line("line \($0)", at: Int64($0)) }, "all of it")
            try await eventually("there is nothing left to tell") { capture.warnings.isEmpty }
        }
    }

    @Test func `output that goes elsewhere is not captured`() async throws {
        let bench = bench
        try await bench.capturing(.rsyslog(server: "udp://logs:514", tagPrefix: nil, tagSuffix: nil)) { capture in
            await capture.drained(LogBench.instance)
            #expect(bench.engine.asked == 0)
        }
    }
}

extension LogBench {
    /// Returns after a while in which something could have been written.
    func probeOnce() async throws {
        let end = ContinuousClock.now + .milliseconds(300)
        try await eventually("a moment has passed") { ContinuousClock.now > end }
    }
}
