import ApusExecutor
import ApusModel
import ApusTestKit
import Foundation
import Logging
import Testing

/// What is free on a machine, as its kernel tells it.
struct LoadGaugeTests {
    private let folder: TemporaryFolder
    private let gauge: LoadGauge

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/proc", withIntermediateDirectories: true)
        gauge = LoadGauge(kernelBelow: folder.path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(folder.path)/proc/\(name)", atomically: true, encoding: .utf8)
    }

    private func measure(stat: String, availableKB: Int = 2_048_000) throws -> NodeLoad? {
        try write("stat", stat)
        try write("meminfo", "MemTotal: 8192000 kB\nMemAvailable:   \(availableKB) kB\n")
        gauge.measure()
        return gauge.load
    }

    @Test func `idle cores are those of the time between two looks`() throws {
        let cores = "cpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu2 1 1 1 1\ncpu3 1 1 1 1\nintr 5\n"
        #expect(try measure(stat: "cpu  100 0 100 800 0 0 0 0 7 7\n" + cores) == nil)
        // Of 400 ticks 100 were idle and 100 waited for a disk.
        let load = try measure(stat: "cpu  250 0 150 900 100 0 0 0 9 9\n" + cores)
        var wanted = NodeLoad(freeMemoryMB: 2000, freeCPU: 2000)
        wanted.totalMemoryMB = 8000
        wanted.processors = 4
        #expect(load == wanted)
        // Nothing has passed since.
        #expect(try measure(stat: "cpu  250 0 150 900 100 0 0 0 9 9\n" + cores, availableKB: 1024) == load)
    }

    @Test(arguments: ["", "cpu\n", "cpu  1 2 3\ncpu0 1\n", "nonsense"])
    func `what cannot be read is no load, and no failure`(stat: String) throws {
        #expect(try measure(stat: "cpu  1 0 1 8\ncpu0 1 0 1 8\n") == nil)
        #expect(try measure(stat: "cpu  2 0 2 16\ncpu0 2 0 2 16\n") != nil)
        #expect(try measure(stat: stat) == nil)
        gauge.measure()
        #expect(gauge.load == nil)
    }

    @Test func `this machine tells what is free`() throws {
        let own = LoadGauge(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        own.measure()
        let end = ContinuousClock.now + .seconds(20)
        while own.load == nil, ContinuousClock.now < end { own.measure() }
        #expect((own.load?.freeMemoryMB ?? 0) > 0)
    }
}
