import ApusAgent
import ApusContainers
import ApusExecutor
import ApusModel
import ApusTelemetry
import ApusTestKit
import Dispatch
import Foundation
import Synchronization
import Testing

/// Numbers never cost the service.
@Suite(.timeLimit(.minutes(1)))
struct StatsWatchTests {
    /// How many readings are under way, and how many there were at most.
    private final class Readings: Sendable {
        private let counts = Mutex((now: 0, most: 0))
        var most: Int { counts.withLock(\.most) }
        var now: Int { counts.withLock(\.now) }

        /// As long as the caller is patient.
        func hang() async throws -> ContainerStats? {
            counts.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
            }
            defer { counts.withLock { $0.now -= 1 } }
            // deadline: the test's own limit; the reader gives up long before.
            try await Task.sleep(for: .seconds(3_600))
            return nil
        }
    }

    @Test func `an engine that hangs over numbers holds up nobody, and few calls hang at a time`() async throws {
        let (metrics, readings) = (MetricRegistry(), Readings())
        let watch = StatsWatch(metrics: metrics, logs: LogMeters(metrics: metrics)) { _ in try await readings.hang() }
        let containers = (1...200).map { found($0) }
        watch.hear(.inventory(containers, number: 1))
        watch.judged(instances(containers))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run() }
            try await eventually("readings hang") { readings.now == 4 }
            // What is there can be read, and what happens is heard, at once.
            let began = ContinuousClock.now
            #expect(metrics.samples().contains { $0.series.name == "apus.executor.containers" })
            for number in 1...100 {
                watch.hear(.containerExited(ContainerID("c\(number)"), code: 0, outOfMemory: false))
            }
            #expect(ContinuousClock.now - began < .seconds(2))
            try await eventually("those that hang are given up and counted") {
                metrics.samples().contains { sample in
                    guard case .counter(let count) = sample.value else { return false }
                    return sample.series.name == "apus.executor.stats.unanswered" && count >= 4
                }
            }
            #expect(readings.most == 4)
            group.cancelAll()
        }
        #expect(readings.now == 0, "none is left at the end")
    }

    @Test func `what the agent leaves alone is not measured, whatever it is called`() {
        let metrics = MetricRegistry()
        let watch = StatsWatch(metrics: metrics, logs: LogMeters(metrics: metrics)) { _ in nil }
        func count() -> Double? {
            let sample = metrics.samples().first { $0.series.name == "apus.executor.containers" }
            guard case .gauge(let count)? = sample?.value else { return nil }
            return count
        }
        var containers = (1...3).map { found($0) }
        watch.hear(.inventory(containers, number: 1))
        #expect(count() == 0, "nobody knows yet whose they are")
        let own = containers.removeLast()
        watch.judged(instances([own]))
        #expect(count() == 1)
        watch.hear(.inventory([own], number: 2))
        watch.hear(.containerExited(own.container, code: 0, outOfMemory: false))
        watch.judged(instances([own]))
        #expect(count() == 0, "it ended after it was listed")
        withExtendedLifetime(watch) {}
    }

    @Test func `a disk that does not answer has no numbers, and takes none from the others`() async throws {
        let (metrics, thread, server) = (MetricRegistry(), DiskThread(), DispatchSemaphore(value: 0))
        let machine = MachineNumbers(metrics: metrics, directory: "/state", logs: "/logs") { path in
            if path == "/logs" { server.wait() }
            return FileSystemSpace(total: 100, free: 25)
        }
        try await machine.measure(on: thread)
        let names = metrics.samples().map(\.series.name)
        #expect(names.contains("apus.machine.disk_total"))
        #expect(names.contains("apus.machine.memory_total"))
        #expect(!names.contains("apus.machine.log_disk_total"))
        // The kernel's thread is free, and can end.
        try await thread.end()
        server.signal()
    }

    @Test func `the machine's numbers are those of its kernel`() async throws {
        let scratch = try TemporaryFolder()
        defer { scratch.remove() }
        let root = scratch.path
        for folder in ["proc/net", "sys/block/vda", "sys/class/net/eth0/device"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        let (time, thread) = (ClockHand(), DiskThread())
        let metrics = MetricRegistry { time.now }
        let machine = MachineNumbers(metrics: metrics, directory: root, kernelBelow: root)
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(root)/proc/\(name)", atomically: true, encoding: .utf8)
        }
        func value(_ name: String) -> Double? {
            let path = "com.phonepe.drove.executor.machine.\(name)"
            guard case .gauge(let value)? = metrics.samples().first(where: { $0.series.path == path })?.value else {
                return nil
            }
            return value
        }
        func kernel(busy: Int, idle: Int, sent: Int, sectors: Int) throws {
            try write("stat", "cpu  \(busy) 0 0 \(idle) 0 0 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n")
            try write("meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n")
            try write("loadavg", "0.52 1.50 2.25 3/602 29283\n")
            try write(
                "net/dev",
                "Inter-|   Receive\n face |bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n"
                    + "  eth0: 500 1 0 0 0 0 0 0 \(sent) 1 0 0 0 0 0 0\nveth1: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
                    + " bond0: 500 1 0 0 0 0 0 0 \(sent) 1 0 0 0 0 0 0\n"
            )
            try write(
                "diskstats",
                " 254 0 vda 1 2 100 4 5 6 \(sectors) 8 9 10 11\n 254 1 vda1 1 2 100 4 5 6 7 8 9 10 11\n"
                    + " 7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n"
            )
        }
        try kernel(busy: 100, idle: 100, sent: 1_000, sectors: 10)
        try await machine.measure(on: thread)
        #expect(value("cpu_percentage") == nil)
        time.now = .zero + .seconds(10)
        try kernel(busy: 400, idle: 200, sent: 6_000, sectors: 30)
        try await machine.measure(on: thread)
        #expect(value("cpu_percentage") == 75)
        #expect(value("cpu_cores") == 2)
        #expect(value("memory_usage_percentage") == 75)
        #expect(value("memory_total") == 1_024_000)
        #expect(value("load_1m") == 0.52 && value("load_5m") == 1.5 && value("load_15m") == 2.25)
        #expect(value("network_rx_bytes") == 500, "devices, once")
        #expect(value("network_tx_bytes") == 6_000)
        #expect(value("network_tx_per_sec_bytes") == 500)
        #expect(value("disk_read_bytes") == 51_200, "whole disks, once")
        #expect(value("disk_write_per_sec_bytes") == 1_024)
        #expect((value("disk_total") ?? 0) > (value("disk_free") ?? 0))
        for file in ["stat", "meminfo", "loadavg", "net/dev", "diskstats"] { try write(file, "nonsense\n") }
        try await machine.measure(on: thread)
        #expect(value("memory_total") == nil && value("cpu_percentage") == nil, "what cannot be read has no value")
        try await thread.end()
    }
}

/// A clock that a test moves.
private final class ClockHand: Sendable {
    private let moment = Mutex(Moment.zero)
    var now: Moment {
        get { moment.withLock(\.self) }
        set { moment.withLock { $0 = newValue } }
    }
}
